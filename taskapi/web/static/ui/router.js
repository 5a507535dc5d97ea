/** Where one is: `#/project/<id>?task=<id>` is a view, what it is of, and what else is said of it. */

/** Tells `change` when one is somewhere else. */
export const router = new EventTarget();

/** Return `{view, of, task, done}`: the place. */
export function place() {
  const [path, query] = (location.hash.slice(1) || "/today").split("?");
  const [, view, of = ""] = path.split("/").map(decoded);
  const said = new URLSearchParams(query);
  return { view, of, task: said.get("task"), done: said.has("done") };
}

/** Return the address of a place. */
export function address({ view, of = "", task = null, done = false }) {
  const path = [view, of].filter(Boolean).map(encodeURIComponent).join("/");
  const query = new URLSearchParams({ ...(task && { task }), ...(done && { done: "1" }) });
  return `#/${path}${query.size ? `?${query}` : ""}`;
}

/** Go to a place; `replace` leaves no way back to the one before. */
export function go(to, { replace = false } = {}) {
  if (address(to) === location.hash) return;
  if (replace) history.replaceState(null, "", address(to));
  else history.pushState(null, "", address(to));
  router.dispatchEvent(new Event("change"));
}

/** Go to the same place with something else said of it. */
export function turn(changes, options) {
  go({ ...place(), ...changes }, options);
}

for (const event of ["hashchange", "popstate"]) {
  window.addEventListener(event, () => router.dispatchEvent(new Event("change")));
}

/** What somebody typed as an address need not be one. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
