/** A task in a list: its circle, its title, and chips for its other fields. */

import { lists, project } from "../data/catalog.js";
import { DATE_LANGUAGE, describeDue, dueDay, isOverdue, today } from "../text/days.js";
import { restoreTask, toggleTask } from "./acts.js";
import { h, icon, refill } from "./dom.js";
import { address, place } from "./router.js";
import { canWrite } from "./standing.js";

/** Make the element of a task. */
export function makeRow() {
  return h(
    "li",
    { class: "row" },
    circle(),
    h("a", { class: "title", data: { part: "title" } }),
    h("div", { class: "about" }),
  );
}

/** Bring a task's element up to date. */
export function updateRow(row, task) {
  const { id, status, priority } = task;
  Object.assign(row.dataset, { id, status, priority });
  row.toggleAttribute("data-open", place().task === id);
  const about = row.querySelector(".about");
  about.id = `about-${id}`;
  refill(about, [task, place().view, project(task.project_id), today(), isOverdue(task)], () => details(task));
  updateCircle(row.querySelector(".circle"), task);
  updateLink(row.querySelector(".title"), task);
}

/** Make the circle that completes a task. */
export function circle() {
  const complete = (event) => toggleTask(event.currentTarget.dataset.id);
  return h(
    "button",
    { class: "circle", role: "checkbox", data: { part: "circle" }, on: { click: complete } },
    icon("check"),
  );
}

/** Bring a circle up to date. */
export function updateCircle(element, task) {
  Object.assign(element.dataset, { id: task.id, status: task.status });
  element.setAttribute("aria-checked", String(task.status === "done"));
  element.setAttribute("aria-label", `Complete “${task.title}”`);
  element.disabled = !canWrite() || Boolean(task.deleted_at);
}

/** Bring the link that opens a task up to date; a title that is being edited in its place is left alone. */
export function updateLink(element, task) {
  if (!element) return;
  element.textContent = task.title;
  element.href = address({ ...place(), task: task.id });
  element.setAttribute("aria-describedby", `about-${task.id}`);
  if (place().task === task.id) element.setAttribute("aria-current", "true");
  else element.removeAttribute("aria-current");
}

function details(task) {
  return [
    task.trouble && h("span", { class: "chip bad" }, "Needs a look"),
    task.pending && !task.trouble && h("span", { class: "chip waiting" }, "Not saved yet"),
    task.status === "in_progress" && h("span", { class: "chip" }, "In progress"),
    task.status === "cancelled" && h("span", { class: "chip" }, "Cancelled"),
    task.priority !== "none" &&
      h("span", { class: "chip priority", data: { priority: task.priority } }, icon("flag"), task.priority),
    task.parent_id && h("span", { class: "chip" }, "Subtask"),
    task.labels.map((name) =>
      h("span", { class: "chip label" }, tint(h("i", { class: "dot" }), labelColor(name)), name),
    ),
    projectChip(task),
    due(task),
    task.deleted_at &&
      canWrite() &&
      h("button", { class: "link", data: { part: "restore" }, on: { click: () => restoreTask(task.id) } }, "Restore"),
  ];
}

/** Return an element coloured as a project or label is. */
export function tint(element, color) {
  if (color) element.style.setProperty("--tint", color);
  return element;
}

function labelColor(name) {
  return lists.labels.find((each) => each.name === name)?.color;
}

/** The heading above says it already. */
function isUnderItsDay({ due_date: day }) {
  return place().view === "upcoming" || (place().view === "today" && day === today());
}

function projectChip(task) {
  const found = project(task.project_id);
  if (!found || (place().view === "project" && place().of === found.id)) return null;
  return h("span", { class: "chip project" }, tint(h("i", { class: "dot" }), found.color), found.name);
}

function due(task) {
  const day = dueDay(task);
  if (!day) return null;
  if (task.due_date && isUnderItsDay(task)) return null;
  const when = isOverdue(task) ? "overdue" : day === today() ? "today" : "";
  return h(
    "span",
    { class: "chip due", data: { when } },
    icon("calendar"),
    when === "overdue" && h("span", { class: "unseen" }, "Overdue: "),
    h("span", { lang: DATE_LANGUAGE }, describeDue(task)),
  );
}
