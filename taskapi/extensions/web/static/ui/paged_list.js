/** A list that is loaded page by page: sessions, users, the audit log. */

import { h, setChildren } from "./dom.js";
import { actionButton } from "./form.js";
import { showError } from "./toast.js";

/** Return an element with one `entry(item, reload)` for each item of `read(cursor)`, and a button for the next page. */
export function pagedList(label, read, entry, emptyText = "No entries.") {
  const items = h("ul", { class: "things", "aria-label": label });
  const foot = h("div", { class: "foot" });
  const element = h("div", {}, items, foot);

  let latestRequest = 0;

  async function readPage(cursor) {
    latestRequest += 1;
    const requestNumber = latestRequest;
    const page = await read(cursor);
    if (requestNumber !== latestRequest) return; // a newer request was sent
    if (!cursor) setChildren(items);
    items.append(...page.items.map((item) => entry(item, reload)));
    const more =
      page.next_cursor && actionButton({ class: "more" }, () => readPage(page.next_cursor), showError, "Show more");
    setChildren(foot, more || (!items.children.length && h("p", { class: "hint" }, emptyText)));
  }

  function reload() {
    return readPage(null).catch((problem) => {
      setChildren(
        foot,
        h("p", { class: "error", role: "alert" }, problem.message),
        actionButton({}, reload, showError, "Try again"),
      );
    });
  }

  setChildren(foot, h("p", { class: "hint", role: "status" }, "Loading…"));
  reload();
  return Object.assign(element, { reload });
}
