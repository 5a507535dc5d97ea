/** Short messages at the foot of the page, read out as they appear; one may offer to undo what it tells. */

import { fill, h } from "./dom.js";

const SHOWN_MS = 8000;

const region = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
let timer = 0;
let undoing = null;

/** Return where the messages appear. */
export function toasts() {
  return region;
}

/** Show a message; `undo` is what its button does; if that fails, the problem is shown. */
export function toast(text, { undo = null, tone = "" } = {}) {
  clearTimeout(timer);
  undoing = undo;
  const button = undo && h("button", { class: "toast-undo", on: { click: undoLast } }, "Undo");
  fill(region, h("div", { class: "toast", data: { tone } }, h("span", {}, text), button, closer()));
  timer = setTimeout(clear, SHOWN_MS);
  region.onpointerenter = region.onfocusin = () => clearTimeout(timer);
}

/** Show what went wrong. */
export function complain(problem) {
  toast(problem.message, { tone: "bad" });
}

/** Undo what the message in view offers to; tells whether there was one. */
export function undoLast() {
  const undo = undoing;
  clear();
  Promise.resolve(undo?.()).catch(complain);
  return Boolean(undo);
}

function closer() {
  return h("button", { class: "quiet", "aria-label": "Dismiss", on: { click: clear } }, "×");
}

function clear() {
  undoing = null;
  fill(region);
}
