/** Toasts: short messages at the bottom of the page, announced to screen readers; some offer an undo. */

import { h, setChildren } from "./dom.js";

const SHOWN_MS = 8000;

const container = h("div", {
  class: "toasts",
  role: "status",
  "aria-live": "polite",
  on: { pointerenter: stopTimer, focusin: stopTimer, pointerleave: startTimer, focusout: startTimer },
});
let timer = 0;
let pendingUndo = null;

/** Return the live region that shows the toasts. */
export function toastRegion() {
  return container;
}

/** Show a message. `undo` adds an Undo button; an error of it is shown. */
export function showToast(text, { undo = null, tone = "" } = {}) {
  pendingUndo = undo;
  const button = undo && h("button", { class: "toast-undo", on: { click: undoLast } }, "Undo");
  setChildren(container, h("div", { class: "toast", data: { tone } }, h("span", {}, text), button, dismissButton()));
  startTimer();
}

/** Show the message of an error. */
export function showError(problem) {
  showToast(problem.message, { tone: "bad" });
}

/** Run the undo of the shown toast. Returns whether it had one. */
export function undoLast() {
  const undo = pendingUndo;
  clearToast();
  Promise.resolve(undo?.()).catch(showError);
  return Boolean(undo);
}

function dismissButton() {
  return h("button", { class: "quiet", "aria-label": "Dismiss", on: { click: clearToast } }, "×");
}

function startTimer() {
  stopTimer();
  timer = setTimeout(clearToast, SHOWN_MS);
}

/** Keep the toast while the pointer or the focus is on it. */
function stopTimer() {
  clearTimeout(timer);
}

function clearToast() {
  pendingUndo = null;
  setChildren(container);
}
