/** Elements from words. What people wrote goes in as text nodes; nothing here reads HTML. */

import { ICONS } from "./icons.js";

const shownIn = new WeakMap();
const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `on` has its listeners, `data` its data attributes; children are elements, text, or nothing. */
export function h(tag, { on = {}, data = {}, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  Object.assign(element.dataset, data);
  fill(element, ...children);
  return element;
}

/** Put these children in the place of an element's own. */
export function fill(element, ...children) {
  element.replaceChildren(
    ...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false),
  );
  return element;
}

/** Fill an element where what it shows is news: a button in it that is being pressed would not feel the release. */
export function refill(element, what, build) {
  const key = JSON.stringify(what);
  if (shownIn.get(element) === key) return;
  shownIn.set(element, key);
  fill(element, build());
}

/** Show a list of things by a keyed element each, so that what has the focus keeps it while things come and go.
 *
 * `make(thing)` returns a new element, `update(element, thing)` brings it up to date. Where the element in focus goes,
 * the one that took its place gets the focus.
 */
export function reconcile(parent, things, { key, make, update }) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const focused = [...parent.children].findIndex((child) => child.contains(document.activeElement));
  const wanted = things.map((thing) => {
    const element = old.get(key(thing)) ?? make(thing);
    old.delete(key(thing));
    element.dataset.key = key(thing);
    update(element, thing);
    return element;
  });
  for (const gone of old.values()) gone.remove();
  wanted.forEach((element, place) => {
    if (parent.children[place] !== element) parent.insertBefore(element, parent.children[place] ?? null);
  });
  if (focused >= 0 && !parent.contains(document.activeElement))
    focusIn(parent.children[Math.min(focused, wanted.length - 1)]);
}

/** Focus what an element is about: its link, or else the first thing in it that takes the focus. */
export function focusIn(element) {
  (
    element?.querySelector("a[href]") ?? element?.querySelector("button:not([disabled]), input, select, textarea")
  )?.focus();
}

/** Return an icon; it says nothing to those who cannot see it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }))
    svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function set(element, name, value) {
  if (name === "value" || name === "checked") element[name] = value;
  else if (typeof value === "boolean" && !name.startsWith("aria-")) element.toggleAttribute(name, value);
  else if (value !== null && value !== undefined) element.setAttribute(name, value);
}
