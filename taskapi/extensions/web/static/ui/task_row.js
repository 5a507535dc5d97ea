/** A row of the task list: checkbox, title, and chips for the other fields. */

import { catalog, findProject } from "../data/catalog.js";
import { DATE_LANGUAGE, describeDue, dueDay, isOverdue, today } from "../text/dates.js";
import { canWrite } from "./current_user.js";
import { h, icon, setChildrenIfChanged } from "./dom.js";
import { currentRoute, routeUrl } from "./router.js";
import { restoreTask, toggleTask } from "./task_actions.js";

/** Create the row of a task. */
export function createRow() {
  return h(
    "li",
    { class: "row" },
    doneCheckbox(),
    h("a", { class: "title", data: { part: "title" } }),
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
    [task, currentRoute().view, findProject(task.project_id), today(), isOverdue(task)],
    () => rowDetails(task),
  );
  updateDoneCheckbox(row.querySelector(".circle"), task);
  updateTitleLink(row.querySelector(".title"), task);
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
    task.labels.map((name) =>
      h("span", { class: "chip label" }, withColor(h("i", { class: "dot" }), labelColor(name)), name),
    ),
    projectChip(task),
    dueChip(task),
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

/** Whether the heading above the task names its due day. */
function isUnderOwnHeading({ due_date: day }) {
  return currentRoute().view === "upcoming" || (currentRoute().view === "today" && day === today());
}

function projectChip(task) {
  const project = findProject(task.project_id);
  if (!project || (currentRoute().view === "project" && currentRoute().param === project.id)) return null;
  return h("span", { class: "chip project" }, withColor(h("i", { class: "dot" }), project.color), project.name);
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
