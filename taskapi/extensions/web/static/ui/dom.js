/** DOM helpers. User input becomes text nodes; nothing here parses HTML. */

import { ICONS } from "./icons.js";

const shownValues = new WeakMap();
const SVG = "http://www.w3.org/2000/svg";

/** Create an element with event listeners (`on`) and data attributes (`data`); children are elements, text or null. */
export function h(tag, { on = {}, data = {}, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  Object.assign(element.dataset, data);
  setChildren(element, ...children);
  return element;
}

/** Replace the children of an element. */
export function setChildren(element, ...children) {
  element.replaceChildren(
    ...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false),
  );
  return element;
}

/** Replace the children only if `value` changed: a button that is replaced while it is pressed gets no click. */
export function setChildrenIfChanged(element, value, build) {
  const key = JSON.stringify(value);
  if (shownValues.get(element) === key) return;
  shownValues.set(element, key);
  setChildren(element, build());
}

/** Render a list with one keyed element for each item, so that the focus survives changes of the list.
 *
 * `make(item)` creates an element, `update(element, item)` updates it. When the focused element is removed, the element
 * at its position gets the focus. An element that is inserted elsewhere loses the focus, and gets it back.
 */
export function reconcile(parent, items, { key, make, update }) {
  const existing = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const focused = document.activeElement;
  const focusedIndex = [...parent.children].findIndex((child) => child.contains(focused));
  const wantedElements = items.map((item) => {
    const element = existing.get(key(item)) ?? make(item);
    existing.delete(key(item));
    element.dataset.key = key(item);
    update(element, item);
    return element;
  });
  for (const removed of existing.values()) removed.remove();
  wantedElements.forEach((element, index) => {
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
  if (focusedIndex < 0 || parent.contains(document.activeElement)) return;
  if (parent.contains(focused)) focused.focus();
  else focusFirst(parent.children[Math.min(focusedIndex, wantedElements.length - 1)]);
}

/** Focus the first link in an element, or else its first control. */
export function focusFirst(element) {
  (
    element?.querySelector("a[href]") ?? element?.querySelector("button:not([disabled]), input, select, textarea")
  )?.focus();
}

/** Return an icon, hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }))
    svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function setAttribute(element, name, value) {
  if (name === "value" || name === "checked") element[name] = value;
  else if (typeof value === "boolean" && !name.startsWith("aria-")) element.toggleAttribute(name, value);
  else if (value !== null && value !== undefined) element.setAttribute(name, value);
}
