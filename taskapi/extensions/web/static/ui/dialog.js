/** Modal dialogs. The `dialog` element keeps the focus inside and restores it afterwards. */

import { h, setChildren } from "./dom.js";

let count = 0;

/** Show a dialog with the elements that `build(close)` returns. Resolves to the argument of `close`. */
export function showDialog(title, build, { wide = false, closable = true } = {}) {
  return new Promise((resolve) => {
    count += 1;
    const close = (value) => {
      dialog.returnValue = "";
      resolve(value);
      dialog.close();
    };
    const heading = h("h2", { id: `dialog-${count}` }, title);
    const closeButton =
      closable && h("button", { class: "quiet cross", "aria-label": "Close", on: { click: () => close() } }, "×");
    const dialog = h("dialog", { "aria-labelledby": heading.id, class: wide ? "wide" : null });
    setChildren(dialog, h("div", { class: "dialog-head" }, heading, closeButton), build(close));
    dialog.addEventListener("cancel", (event) => !closable && event.preventDefault());
    dialog.addEventListener("close", () => {
      resolve();
      dialog.remove();
    });
    if (closable) window.addEventListener("popstate", () => dialog.close(), { once: true });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("[autofocus], form :is(input, select, textarea), .primary")?.focus();
  });
}

/** Ask for a confirmation. Resolves to true or false. */
export async function confirm(title, text, { action = "Delete", tone = "bad" } = {}) {
  const result = await showDialog(title, (close) => [
    h("p", {}, text),
    h(
      "div",
      { class: "buttons" },
      h("button", { on: { click: () => close(false) } }, "Cancel"),
      h("button", { class: "primary", data: { tone }, autofocus: true, on: { click: () => close(true) } }, action),
    ),
  ]);
  return result === true;
}
