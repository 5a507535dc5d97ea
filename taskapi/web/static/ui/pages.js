/** A list that is read page by page, outside the tasks: devices, people, the audit log. */

import { fill, h } from "./dom.js";
import { acting } from "./form.js";
import { complain } from "./toast.js";

/** Return an element that shows what `read(cursor)` gives, an `entry(thing, reload)` each, and a way to more. */
export function paged(label, read, entry, nothing = "Nothing here.") {
  const items = h("ul", { class: "things", "aria-label": label });
  const foot = h("div", { class: "foot" });
  const element = h("div", {}, items, foot);

  let latest = 0;

  async function turn(cursor) {
    latest += 1;
    const asked = latest;
    const page = await read(cursor);
    if (asked !== latest) return; // a later question overtook this one
    if (!cursor) fill(items);
    items.append(...page.items.map((thing) => entry(thing, reload)));
    const more = page.next_cursor && acting({ class: "more" }, () => turn(page.next_cursor), complain, "Show more");
    fill(foot, more || (!items.children.length && h("p", { class: "hint" }, nothing)));
  }

  function reload() {
    return turn(null).catch((problem) => {
      fill(foot, h("p", { class: "error", role: "alert" }, problem.message), acting({}, reload, complain, "Try again"));
    });
  }

  fill(foot, h("p", { class: "hint", role: "status" }, "Loading…"));
  reload();
  return Object.assign(element, { reload });
}
