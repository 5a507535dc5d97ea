/** The sidebar: search, views, projects and labels with the number of their open tasks. */

import { catalog, catalogEvents, countOpenTasks } from "../data/catalog.js";
import { canWrite, currentUser, isAdmin } from "./current_user.js";
import { h, icon, reconcile, setChildrenIfChanged } from "./dom.js";
import { addProject } from "./project_label_forms.js";
import { currentRoute, navigate, routerEvents, routeUrl } from "./router.js";
import { withColor } from "./task_row.js";

const viewList = h("ul", {});
const projectList = h("ul", {});
const labelList = h("ul", {});
const archivedList = h("ul", {});
const archivedSection = h("details", { class: "archive" }, h("summary", {}, "Archived projects"), archivedList);
const accountList = h("ul", { class: "account" });
const searchInput = h("input", {
  type: "search",
  name: "q",
  placeholder: "Search",
  "aria-label": "Search tasks",
  "aria-keyshortcuts": "/",
  maxlength: 200,
});

const SEARCH_DELAY_MS = 200;
let timer = 0;
let routeBeforeSearch = null;

/** Return the sidebar. It updates itself. */
export function sidebar() {
  catalogEvents.addEventListener("change", draw);
  routerEvents.addEventListener("change", draw);
  searchInput.addEventListener("input", scheduleSearch);
  searchInput.addEventListener("keydown", handleKey);
  draw();
  return h(
    "nav",
    { class: "sidebar", id: "sidebar", "aria-label": "Lists" },
    h("div", { class: "search", role: "search" }, icon("search"), searchInput),
    viewList,
    h("div", { class: "section" }, h("h2", {}, "Projects"), canWrite() && newProjectButton()),
    projectList,
    h("div", { class: "section" }, h("h2", {}, "Labels")),
    labelList,
    archivedSection,
    accountList,
  );
}

/** Focus the search field. */
export function focusSearch() {
  searchInput.focus();
  searchInput.select();
}

function newProjectButton() {
  return h(
    "button",
    { class: "quiet", "aria-label": "New project", title: "New project", on: { click: addProject } },
    icon("add"),
  );
}

/** Leave the search and return to the route before it. Returns false when no search is open. */
export function leaveSearch() {
  if (currentRoute().view !== "search" && document.activeElement !== searchInput) return false;
  clearTimeout(timer);
  searchInput.value = "";
  searchInput.blur();
  if (currentRoute().view === "search") navigate(routeBeforeSearch ?? { view: "today" }, { replace: true });
  document.querySelector("#sidebar[data-open] ~ * #menu")?.click();
  document.querySelector("main h1")?.focus();
  return true;
}

/** Enter focuses the results, Esc returns to the route before the search. */
function handleKey(event) {
  if (event.key === "Escape") {
    event.preventDefault(); // the default only clears the field
    event.stopPropagation();
    leaveSearch();
  } else if (event.key === "Enter") {
    search();
    document.querySelector("main h1").focus();
    routerEvents.dispatchEvent(new Event("change"));
  }
}

function scheduleSearch() {
  clearTimeout(timer);
  timer = setTimeout(search, SEARCH_DELAY_MS);
}

function search() {
  clearTimeout(timer);
  const param = searchInput.value.trim();
  const isSearching = currentRoute().view === "search";
  if (!isSearching) routeBeforeSearch = currentRoute();
  if (param) navigate({ view: "search", param }, { replace: isSearching });
  else if (isSearching) navigate(routeBeforeSearch ?? { view: "today" }, { replace: true });
}

function draw() {
  const { view, param } = currentRoute();
  if (view === "search" && document.activeElement !== searchInput) searchInput.value = param;
  if (view !== "search" && document.activeElement !== searchInput) searchInput.value = "";
  drawEntries(viewList, mainViews());
  drawEntries(projectList, catalog.projects.filter((each) => !each.archived).map(projectEntry));
  drawEntries(archivedList, catalog.projects.filter((each) => each.archived).map(projectEntry));
  archivedSection.hidden = !archivedList.children.length;
  drawEntries(
    labelList,
    catalog.labels.map((each) => ({
      view: "label",
      param: each.name,
      name: each.name,
      dot: each.color,
      count: each.task_count,
    })),
  );
  drawEntries(accountList, [
    ...(isAdmin() ? [{ view: "admin", param: "users", name: "Administration", icon: "people" }] : []),
    { view: "account", name: currentUser().name ?? currentUser().username, icon: "person" },
  ]);
}

function projectEntry(each) {
  return {
    view: "project",
    param: each.id,
    name: each.name,
    dot: each.color,
    count: countOpenTasks(each),
    round: true,
  };
}

function mainViews() {
  const { summary } = catalog;
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

function drawEntries(element, entries) {
  reconcile(element, entries, {
    key: (entry) => `${entry.view}/${entry.param ?? ""}`,
    make: () => h("li", {}),
    update,
  });
}

function update(element, entry) {
  const isCurrent =
    currentRoute().view === entry.view && (entry.view === "admin" || (entry.param ?? "") === currentRoute().param);
  const hadFocus = element.contains(document.activeElement);
  setChildrenIfChanged(element, [entry, isCurrent], () => link(entry, isCurrent));
  if (hadFocus) element.firstChild.focus();
}

function link(entry, isCurrent) {
  return h(
    "a",
    { href: routeUrl(entry), "aria-current": isCurrent ? "page" : null },
    entry.icon ? icon(entry.icon) : withColor(h("i", { class: entry.round ? "dot" : "dot square" }), entry.dot),
    h("span", { class: "name", dir: "auto" }, entry.name),
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
