/** The lists, with the number of open tasks in each, and the search. */

import { catalog, lists, openCount } from "../data/catalog.js";
import { h, icon, reconcile, refill } from "./dom.js";
import { addProject } from "./gathering.js";
import { address, go, place, router } from "./router.js";
import { tint } from "./row.js";
import { canWrite, isAdmin, me } from "./standing.js";

const views = h("ul", {});
const projects = h("ul", {});
const labels = h("ul", {});
const archived = h("ul", {});
const archive = h("details", { class: "archive" }, h("summary", {}, "Archived projects"), archived);
const account = h("ul", { class: "account" });
const query = h("input", {
  type: "search",
  name: "q",
  placeholder: "Search",
  "aria-label": "Search tasks",
  "aria-keyshortcuts": "/",
  maxlength: 200,
});

const PAUSE = 200;
let timer = 0;
let before = null; // where the search began

/** Return the sidebar; it keeps itself up to date. */
export function sidebar() {
  catalog.addEventListener("change", draw);
  router.addEventListener("change", draw);
  query.addEventListener("input", soon);
  query.addEventListener("keydown", press);
  draw();
  return h(
    "nav",
    { class: "sidebar", id: "sidebar", "aria-label": "Lists" },
    h("div", { class: "search", role: "search" }, icon("search"), query),
    views,
    h("div", { class: "section" }, h("h2", {}, "Projects"), canWrite() && adder()),
    projects,
    h("div", { class: "section" }, h("h2", {}, "Labels")),
    labels,
    archive,
    account,
  );
}

/** Go to the search. */
export function focusSearch() {
  query.focus();
  query.select();
}

function adder() {
  return h(
    "button",
    { class: "quiet", "aria-label": "New project", title: "New project", on: { click: addProject } },
    icon("add"),
  );
}

/** Leave the search: back to the place where it began. Returns false when there is nothing to leave. */
export function leaveSearch() {
  if (place().view !== "search" && document.activeElement !== query) return false;
  clearTimeout(timer);
  query.value = "";
  query.blur();
  if (place().view === "search") go(before ?? { view: "today" }, { replace: true });
  document.querySelector("#sidebar[data-open] ~ * #menu")?.click();
  document.querySelector("main h1")?.focus();
  return true;
}

/** Enter goes to what was found, Esc back to where the search began. */
function press(event) {
  if (event.key === "Escape") {
    event.preventDefault(); // the browser would only empty the field
    event.stopPropagation();
    leaveSearch();
  } else if (event.key === "Enter") {
    search();
    document.querySelector("main h1").focus();
    router.dispatchEvent(new Event("change"));
  }
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(search, PAUSE);
}

function search() {
  clearTimeout(timer);
  const of = query.value.trim();
  const searching = place().view === "search";
  if (!searching) before = place();
  if (of) go({ view: "search", of }, { replace: searching });
  else if (searching) go(before ?? { view: "today" }, { replace: true });
}

function draw() {
  const { view, of } = place();
  if (view === "search" && document.activeElement !== query) query.value = of;
  if (view !== "search" && document.activeElement !== query) query.value = "";
  show(views, mainViews());
  show(projects, lists.projects.filter((each) => !each.archived).map(projectEntry));
  show(archived, lists.projects.filter((each) => each.archived).map(projectEntry));
  archive.hidden = !archived.children.length;
  show(
    labels,
    lists.labels.map((each) => ({
      view: "label",
      of: each.name,
      name: each.name,
      dot: each.color,
      count: each.task_count,
    })),
  );
  show(account, [
    ...(isAdmin() ? [{ view: "admin", of: "people", name: "Administration", icon: "people" }] : []),
    { view: "account", name: me().name ?? me().username, icon: "person" },
  ]);
}

function projectEntry(each) {
  return { view: "project", of: each.id, name: each.name, dot: each.color, count: openCount(each), round: true };
}

function mainViews() {
  const { summary } = lists;
  const open = (summary.by_status.todo ?? 0) + (summary.by_status.in_progress ?? 0);
  return [
    { view: "inbox", name: "Inbox", icon: "inbox" },
    { view: "today", name: "Today", icon: "sun", count: summary.due_today },
    { view: "overdue", name: "Overdue", icon: "bell", count: summary.overdue, late: summary.overdue > 0 },
    { view: "upcoming", name: "Upcoming", icon: "calendar" },
    { view: "all", name: "All tasks", icon: "all", count: open },
    { view: "completed", name: "Completed", icon: "done" },
    { view: "trash", name: "Trash", icon: "trash" },
  ];
}

function show(element, entries) {
  reconcile(element, entries, { key: (entry) => `${entry.view}/${entry.of ?? ""}`, make: () => h("li", {}), update });
}

function update(element, entry) {
  const here = place().view === entry.view && (entry.view === "admin" || (entry.of ?? "") === place().of);
  const focused = element.contains(document.activeElement);
  refill(element, [entry, here], () => link(entry, here));
  if (focused) element.firstChild.focus();
}

function link(entry, here) {
  return h(
    "a",
    { href: address(entry), "aria-current": here ? "page" : null },
    entry.icon ? icon(entry.icon) : tint(h("i", { class: entry.round ? "dot" : "dot square" }), entry.dot),
    h("span", { class: "name" }, entry.name),
    entry.count
      ? h(
          "span",
          { class: "count", data: { late: Boolean(entry.late) } },
          String(entry.count),
          h("span", { class: "unseen" }, entry.view === "label" ? " tasks" : " open"),
        )
      : null,
  );
}
