/** Hash routes: `#/project/<id>?task=<id>` is a view, its parameter and its options. */

/** Event: `change` after a navigation. */
export const routerEvents = new EventTarget();

/** Return the current route: `{view, param, task, done}`. */
export function currentRoute() {
  const [path, query] = (location.hash.slice(1) || "/today").split("?");
  const [, view, param = ""] = path.split("/").map(decodePart);
  const params = new URLSearchParams(query);
  return { view, param, task: params.get("task"), done: params.has("done") };
}

/** Return the URL of a route. */
export function routeUrl({ view, param = "", task = null, done = false }) {
  const path = [view, param].filter(Boolean).map(encodeURIComponent).join("/");
  const query = new URLSearchParams({ ...(task && { task }), ...(done && { done: "1" }) });
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
