/** The list of tasks of the current route. */

import { catalogEvents, reloadCatalog } from "../data/catalog.js";
import { changeFeed } from "../data/change_feed.js";
import { comparePositions } from "../data/positions.js";
import { loadSubtaskCounts } from "../data/subtask_counts.js";
import { TaskQuery } from "../data/task_query.js";
import * as taskStore from "../data/task_store.js";
import { chosenOptions, countFilters, isInManualOrder, listQuery, passesFilters, VIEWS } from "../data/views.js";
import { today } from "../text/dates.js";
import { bulkActions } from "./bulk_actions.js";
import { canWrite } from "./current_user.js";
import { h, icon, reconcile, setChildren, setChildrenIfChanged } from "./dom.js";
import { clearFilters, listControls } from "./list_controls.js";
import { listHeader } from "./list_header.js";
import { allowMoves, isDragging } from "./manual_order.js";
import { quickAdd } from "./quick_add.js";
import { currentRoute, routerEvents } from "./router.js";
import { samples, updateSamples } from "./samples.js";
import { listenToSelection, selectionEvents } from "./selection.js";
import { createRow, updateRow } from "./task_row.js";
import { showError } from "./toast.js";

const listElement = h("ul", { class: "rows", "aria-label": "Tasks" });
const footElement = h("div", { class: "foot" });
const TICK_MS = 30_000;
let query = null;
let shownRoute = "";
let lastTick = { at: Date.now(), day: today() };

/** Return the list. It updates itself. */
export function taskList() {
  for (const [source, event, listener] of [
    [routerEvents, "change", openRoute],
    [taskStore.taskEvents, "change", scheduleDraw],
    [taskStore.taskEvents, "renamed", keepCreatedTask],
    [catalogEvents, "change", scheduleDraw],
    [changeFeed, "change", reloadTasks],
    [selectionEvents, "change", draw],
  ])
    source.addEventListener(event, listener);
  allowMoves(listElement, { isOrdered: () => isInManualOrder(currentRoute()), draw });
  setInterval(checkTime, TICK_MS);
  openRoute();
  listenToSelection();
  return [listElement, footElement, samples(draw), bulkActions()];
}

/** Return the header of the list and quick add. */
export function taskListHeader() {
  const { view } = currentRoute();
  return [listHeader(), listControls(), canWrite() && !VIEWS[view].hidesQuickAdd && quickAdd()];
}

/** Return the ids of the listed tasks, in order. */
export function listedTaskIds() {
  return [...listElement.querySelectorAll(".row")].map((row) => row.dataset.id);
}

/** Return the row of a task. */
export function findRow(id) {
  return listElement.querySelector(`[data-id="${id}"]`);
}

async function openRoute() {
  const { task, ...list } = currentRoute();
  if (!VIEWS[list.view]) return;
  const filters = listQuery(list);
  const route = JSON.stringify([list, filters]); // another time zone changes the filters alone
  if (route !== shownRoute) {
    shownRoute = route;
    query = new TaskQuery(filters);
    draw();
    await reloadTasks();
  }
  draw();
}

async function reloadTasks() {
  const current = query;
  if (current && VIEWS[currentRoute().view]) current.filters = listQuery(currentRoute()); // depends on the current day
  await current?.reload();
  if (current !== query) return;
  draw();
  await showSubtaskCounts();
}

/** Show the counts of the listed tasks. Offline, and where it fails, the list is shown without new ones. */
async function showSubtaskCounts() {
  await loadSubtaskCounts(query?.ids ?? []).then(scheduleDraw, () => {});
}

/** Reload when the passing time changes the list: a task became overdue, or a new day began. */
function checkTime() {
  const now = { at: Date.now(), day: today() };
  const isDue = ({ due_at: due }) => due && Date.parse(due) > lastTick.at && Date.parse(due) <= now.at;
  const isChanged = now.day !== lastTick.day || query?.ids.map(taskStore.findTask).filter(Boolean).some(isDue);
  lastTick = now;
  if (!isChanged) return;
  reloadTasks();
  reloadCatalog().catch(() => {});
}

let isDrawScheduled = false;

/** Draw once for any number of changes in the same frame. */
function scheduleDraw() {
  if (isDrawScheduled) return;
  isDrawScheduled = true;
  requestAnimationFrame(() => {
    isDrawScheduled = false;
    draw();
  });
}

function draw() {
  const view = VIEWS[currentRoute().view];
  if (!view || !query || isDragging()) return;
  reconcile(listElement, groupTasks(visibleTasks(view), view), {
    key: (item) => (item.id ? taskStore.stableKey(item) : `heading ${item.heading}`),
    make: (item) => (item.id ? createRow() : h("li", { class: "part" }, h("h2", {}))),
    update: (element, item) => (item.id ? updateRow(element, item) : setChildren(element.firstChild, item.heading)),
  });
  listElement.setAttribute("aria-busy", String(query.state === "loading"));
  const { state, hasMore, problem } = query;
  const hasSamples = updateSamples(!view.hidesQuickAdd && state === "ready");
  setChildrenIfChanged(
    footElement,
    [currentRoute(), state, hasMore, describeProblem(problem), listElement.children.length > 0, hasSamples],
    () => footerContent(view, hasSamples),
  );
  updateTabStops();
}

/** Return the tasks to show, without deleted ones: those the server does not have yet, then those of the server; or all
 * in their manual order.
 */
function visibleTasks(view) {
  const known = query.ids.map(taskStore.findTask).filter(Boolean);
  const unsaved = view.hidesQuickAdd ? [] : taskStore.unsavedTasks().filter(belongsToView);
  const visible = [...unsaved, ...known].filter(
    (task) => !task.removed && (!view.isTrash || task.deleted_at) && (!view.matches || view.matches(task)),
  );
  return isInManualOrder(currentRoute()) ? visible.sort(comparePositions) : visible;
}

/** Keep a task that was created here in the list until the reloaded list contains it. */
function keepCreatedTask({ detail: { to } }) {
  if (!VIEWS[currentRoute().view]?.hidesQuickAdd && belongsToView(taskStore.findTask(to)) && !query?.ids.includes(to))
    query?.ids.unshift(to);
}

function belongsToView(task) {
  const { view, param } = currentRoute();
  if (!passesFilters(task, currentRoute())) return false;
  if (view === "project") return task.project_id === param;
  if (view === "label") return task.labels.includes(param);
  if (view === "inbox") return !task.project_id && !task.parent_id;
  return view === "all" ? !task.parent_id : Boolean(task.due_date ?? task.due_at);
}

/** Return the tasks with group headings. The groups that the view names come first, others in order of their tasks. */
function groupTasks(visible, { groupOf, groups: firstGroups = [] }) {
  if (!groupOf || chosenOptions(currentRoute()).sort) return visible;
  const groups = new Map(firstGroups.map((name) => [name, []]));
  for (const task of visible) groups.set(groupOf(task), [...(groups.get(groupOf(task)) ?? []), task]);
  return [...groups].flatMap(([name, tasks]) => (tasks.length ? [{ heading: name }, ...tasks] : []));
}

function footerContent({ empty }, hasSamples) {
  if (query.state === "loading")
    return h("div", { class: "skeleton", role: "status" }, h("span", { class: "unseen" }, "Loading tasks…"));
  if (query.state === "failed") return failureMessage();
  if (!listElement.children.length && hasSamples) return null; // they are shown instead
  if (!listElement.children.length)
    return countFilters(currentRoute())
      ? noMatches()
      : h("div", { class: "empty" }, icon(currentRoute().view === "search" ? "search" : "done"), h("p", {}, empty));
  return query.hasMore && h("button", { class: "more", on: { click: loadMore } }, "Show more");
}

function noMatches() {
  return h(
    "div",
    { class: "empty" },
    icon("filter"),
    h("p", {}, "No tasks match the filters."),
    h("button", { on: { click: clearFilters } }, "Clear filters"),
  );
}

function failureMessage() {
  const isRefused = Boolean(searchErrors(query.problem)); // the same request would fail again
  return h(
    "div",
    { class: "empty", role: "alert" },
    icon("bell"),
    h("p", {}, describeProblem(query.problem)),
    !isRefused && h("button", { on: { click: reloadTasks } }, "Try again"),
  );
}

/** Return the message of a problem: the errors of the search text if there are any. */
function describeProblem(problem) {
  return searchErrors(problem)?.join(" ") ?? problem?.message;
}

function searchErrors(problem) {
  return problem?.errors?.query?.q;
}

async function loadMore() {
  const last = listedTaskIds().at(-1);
  await query.loadMore().catch(showError);
  draw();
  showSubtaskCounts();
  findRow(last)?.nextElementSibling?.querySelector(".title")?.focus();
}

/** Only one row is reachable by Tab (a roving tabindex); arrow keys move between rows. */
function updateTabStops() {
  const current =
    listElement.querySelector(".row:focus-within") ??
    listElement.querySelector(".row[data-open]") ??
    listElement.querySelector(".row");
  for (const row of listElement.querySelectorAll(".row")) {
    for (const part of row.querySelectorAll("[data-part]")) part.tabIndex = row === current ? 0 : -1;
  }
}

listElement.addEventListener("focusin", updateTabStops);
