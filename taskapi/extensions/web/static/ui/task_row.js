/** A row of the task list: checkbox, title, and chips for the other fields. */

import { hasRoute } from "../api/server.js";
import { catalog, findProject } from "../data/catalog.js";
import { subtaskCounts } from "../data/subtask_counts.js";
import { daysLeft } from "../data/trash.js";
import { isInManualOrder } from "../data/views.js";
import { countDays, DATE_LANGUAGE, describeDue, dueDay, isOverdue, today } from "../text/dates.js";
import { describeReminder } from "../text/reminders.js";
import { describeRecurrence } from "../text/rules.js";
import { canWrite } from "./current_user.js";
import { h, icon, setChildrenIfChanged } from "./dom.js";
import { updateHandle } from "./manual_order.js";
import { currentRoute, routeUrl } from "./router.js";
import { isSelected, isSelecting, toggleSelected } from "./selection.js";
import { restoreTask, toggleTask } from "./task_actions.js";

/** Create the row of a task. */
export function createRow() {
  return h(
    "li",
    { class: "row" },
    doneCheckbox(),
    h("a", { class: "title", dir: "auto", data: { part: "title" }, on: { click: handleTitleClick } }),
    h("div", { class: "about" }),
  );
}

/** Update the row of a task. */
export function updateRow(row, task) {
  const { id, status, priority } = task;
  Object.assign(row.dataset, { id, status, priority });
  row.toggleAttribute("data-open", currentRoute().task === id);
  const detailsElement = row.querySelector(".about");
  detailsElement.id = `about-${id}`;
  setChildrenIfChanged(
    detailsElement,
    [task, subtaskCounts(id), currentRoute().view, findProject(task.project_id), today(), isOverdue(task)],
    () => rowDetails(task),
  );
  updateDoneCheckbox(row.querySelector(".circle"), task);
  updateSelectCheckbox(row, task);
  updateTitleLink(row.querySelector(".title"), task);
  updateHandle(row, canWrite() && isInManualOrder(currentRoute()) && !isSelecting());
}

/** While the user selects tasks, a checkbox that selects the task replaces the round one. */
function updateSelectCheckbox(row, task) {
  const circle = row.querySelector(".circle");
  let box = row.querySelector(".select");
  circle.hidden = isSelecting();
  if (!isSelecting()) box?.remove();
  else if (!box) {
    box = h("input", { type: "checkbox", class: "select", data: { part: "select" }, on: { click: handleSelectClick } });
    circle.after(box);
  }
  row.toggleAttribute("data-selected", isSelecting() && isSelected(task.id));
  if (!isSelecting()) return;
  box.checked = isSelected(task.id);
  box.setAttribute("aria-label", `Select “${task.title}”`);
}

function handleSelectClick(event) {
  toggleSelected(event.currentTarget.closest(".row").dataset.id, { range: event.shiftKey });
}

/** While the user selects tasks, a click on a row selects it. Enter still opens the task. */
function handleTitleClick(event) {
  const isKey = event.detail === 0;
  if (!isSelecting() || isKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  toggleSelected(event.currentTarget.closest(".row").dataset.id, { range: event.shiftKey });
}

/** Create the round checkbox that completes a task. */
export function doneCheckbox() {
  const handleClick = (event) => toggleTask(event.currentTarget.dataset.id);
  return h(
    "button",
    { class: "circle", role: "checkbox", data: { part: "circle" }, on: { click: handleClick } },
    icon("check"),
  );
}

/** Update a checkbox. */
export function updateDoneCheckbox(element, task) {
  Object.assign(element.dataset, { id: task.id, status: task.status });
  element.setAttribute("aria-checked", String(task.status === "done"));
  element.setAttribute("aria-label", `Complete “${task.title}”`);
  element.disabled = !canWrite() || Boolean(task.deleted_at);
}

/** Update the link that opens a task. While its title is edited inline, the row has no link. */
export function updateTitleLink(element, task) {
  if (!element) return;
  element.textContent = task.title;
  element.href = routeUrl({ ...currentRoute(), task: task.id });
  element.setAttribute("aria-describedby", `about-${task.id}`);
  if (currentRoute().task === task.id) element.setAttribute("aria-current", "true");
  else element.removeAttribute("aria-current");
}

function rowDetails(task) {
  return [
    task.failure && h("span", { class: "chip bad" }, "Needs review"),
    task.pending && !task.failure && h("span", { class: "chip waiting" }, "Not saved yet"),
    task.status === "in_progress" && h("span", { class: "chip" }, "In progress"),
    task.status === "cancelled" && h("span", { class: "chip" }, "Cancelled"),
    task.priority !== "none" &&
      h("span", { class: "chip priority", data: { priority: task.priority } }, icon("flag"), task.priority),
    task.parent_id && h("span", { class: "chip" }, "Subtask"),
    progressChip(subtaskCounts(task.id)),
    task.labels.map((name) =>
      h("span", { class: "chip label" }, withColor(h("i", { class: "dot" }), labelColor(name)), h("bdi", {}, name)),
    ),
    projectChip(task),
    dueChip(task),
    repeatChip(task),
    reminderChip(task),
    task.deleted_at && h("span", { class: "chip" }, describeDaysLeft(daysLeft(task))),
    task.deleted_at &&
      canWrite() &&
      h("button", { class: "link", data: { part: "restore" }, on: { click: () => restoreTask(task.id) } }, "Restore"),
  ];
}

/** Give an element the colour of a project or label, and return it. */
export function withColor(element, color) {
  if (color) element.style.setProperty("--tint", color);
  return element;
}

function labelColor(name) {
  return catalog.labels.find((each) => each.name === name)?.color;
}

function describeDaysLeft(days) {
  return days === 0 ? "Deleted soon" : `${countDays(days)} left`;
}

/** Whether the heading above the task names its due day. */
function isUnderOwnHeading({ due_date: day }) {
  if (currentRoute().sort) return false; // a list in another order has no headings
  return currentRoute().view === "upcoming" || (currentRoute().view === "today" && day === today());
}

function repeatChip(task) {
  if (!task.recurrence) return null;
  const words = describeRecurrence(task);
  const unseen = h("span", { class: "unseen" }, `Repeats: ${words}`);
  return h("span", { class: "chip repeat", title: words }, icon("repeat"), unseen);
}

function reminderChip(task) {
  if (!hasRoute("/reminders") || !task.reminders.length) return null;
  const words = task.reminders.map((each) => describeReminder(each, task)).join(", ");
  return h(
    "span",
    { class: "chip reminder", title: words },
    icon("alarm"),
    h("span", { class: "unseen" }, `Reminders: ${words}`),
  );
}

function progressChip(counts) {
  if (!counts) return null;
  const { done, total } = counts;
  const text = h("span", { "aria-hidden": "true" }, `${done}/${total}`);
  return h(
    "span",
    { class: "chip progress", title: `${done} of ${total} subtasks are done` },
    icon("done"),
    text,
    h("span", { class: "unseen" }, `${done} of ${total} subtasks done`),
  );
}

function projectChip(task) {
  const project = findProject(task.project_id);
  if (!project || (currentRoute().view === "project" && currentRoute().param === project.id)) return null;
  const dot = withColor(h("i", { class: "dot" }), project.color);
  return h("span", { class: "chip project" }, dot, h("bdi", {}, project.name));
}

function dueChip(task) {
  const day = dueDay(task);
  if (!day) return null;
  if (task.due_date && isUnderOwnHeading(task)) return null;
  const when = isOverdue(task) ? "overdue" : day === today() ? "today" : "";
  return h(
    "span",
    { class: "chip due", data: { when } },
    icon("calendar"),
    when === "overdue" && h("span", { class: "unseen" }, "Overdue: "),
    h("span", { lang: DATE_LANGUAGE }, describeDue(task)),
  );
}
