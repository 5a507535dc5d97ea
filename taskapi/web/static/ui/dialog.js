/** Dialogs: the browser's own, which keep the focus in and give it back. */

import { fill, h } from "./dom.js";

let count = 0;

/** Show a dialog; `build(close)` returns what is in it. Returns a promise of what `close` was called with. */
export function show(title, build, { wide = false, closable = true } = {}) {
  return new Promise((settle) => {
    count += 1;
    const close = (value) => {
      dialog.returnValue = "";
      settle(value);
      dialog.close();
    };
    const heading = h("h2", { id: `dialog-${count}` }, title);
    const cross =
      closable && h("button", { class: "quiet cross", "aria-label": "Close", on: { click: () => close() } }, "×");
    const dialog = h("dialog", { "aria-labelledby": heading.id, class: wide ? "wide" : null });
    fill(dialog, h("div", { class: "dialog-head" }, heading, cross), build(close));
    dialog.addEventListener("cancel", (event) => !closable && event.preventDefault());
    dialog.addEventListener("close", () => {
      settle();
      dialog.remove();
    });
    if (closable) window.addEventListener("popstate", () => dialog.close(), { once: true });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("[autofocus], form :is(input, select, textarea), .primary")?.focus();
  });
}

/** Ask whether to do something; returns a promise of yes or no. */
export async function confirm(title, text, { action = "Delete", tone = "bad" } = {}) {
  const answer = await show(title, (close) => [
    h("p", {}, text),
    h(
      "div",
      { class: "buttons" },
      h("button", { on: { click: () => close(false) } }, "Cancel"),
      h("button", { class: "primary", data: { tone }, autofocus: true, on: { click: () => close(true) } }, action),
    ),
  ]);
  return answer === true;
}
