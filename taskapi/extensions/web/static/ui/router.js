/** Hash routes: `#/project/<id>?task=<id>` is a view, its parameter and its options.
 *
 * The options are the open task, whether completed tasks are shown, the sort order, and the filters of the list.
 */

/** The options that are lists of values, and those that are one value. */
const LISTS = ["status", "priority"];
const VALUES = ["task", "sort", "label"];

/** Event: `change` after a navigation. */
export const routerEvents = new EventTarget();

/** Return the current route: `{view, param, task, done, sort, label, status, priority}`. */
export function currentRoute() {
  const [path, query] = (location.hash.slice(1) || "/today").split("?");
  const [, view, param = ""] = path.split("/").map(decodePart);
  const params = new URLSearchParams(query);
  return {
    view,
    param,
    done: params.has("done"),
    ...Object.fromEntries(VALUES.map((name) => [name, params.get(name)])),
    ...Object.fromEntries(LISTS.map((name) => [name, params.getAll(name)])),
  };
}

/** Return the URL of a route. */
export function routeUrl({ view, param = "", done = false, ...options }) {
  const path = [view, param].filter(Boolean).map(encodeURIComponent).join("/");
  const query = new URLSearchParams(done ? { done: "1" } : {});
  for (const name of [...VALUES, ...LISTS]) {
    for (const value of [options[name] ?? []].flat()) query.append(name, value);
  }
  return `#/${path}${query.size ? `?${query}` : ""}`;
}

/** Navigate to a route; `replace` replaces the history entry. */
export function navigate(to, { replace = false } = {}) {
  if (routeUrl(to) === location.hash) return;
  if (replace) history.replaceState(null, "", routeUrl(to));
  else history.pushState(null, "", routeUrl(to));
  routerEvents.dispatchEvent(new Event("change"));
}

/** Navigate to the current route with these changes. */
export function updateRoute(changes, options) {
  navigate({ ...currentRoute(), ...changes }, options);
}

for (const event of ["hashchange", "popstate"]) {
  window.addEventListener(event, () => routerEvents.dispatchEvent(new Event("change")));
}

/** Decode a part of the path; a typed URL may be malformed. */
function decodePart(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
