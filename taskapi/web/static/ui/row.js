/** A task in a list: its circle, its title, and what else there is to see at a glance. */

import { lists, project } from "../data/catalog.js";
import * as tasks from "../data/tasks.js";
import { describeDue, dueDay, isOverdue, today } from "../text/days.js";
import { restoreTask } from "./acts.js";
import { fill, h, icon } from "./dom.js";
import { address, place } from "./router.js";
import { canWrite } from "./standing.js";

/** Make the element of a task. */
export function makeRow() {
  return h("li", { class: "row" });
}

/** Bring a task's element up to date; one whose title is being edited is left alone. */
export function updateRow(row, task) {
  if (row.querySelector(".title-input")) return;
  const shown = JSON.stringify([task, place(), project(task.project_id)]);
  if (row.dataset.shown === shown) return;
  const focused = row.contains(document.activeElement) ? document.activeElement.dataset.part : null;
  Object.assign(row.dataset, {
    shown,
    status: task.status,
    priority: task.priority,
    pending: Boolean(task.pending),
    id: task.id,
  });
  row.toggleAttribute("data-open", place().task === task.id);
  fill(row, circle(task), link(task), details(task));
  if (focused) row.querySelector(`[data-part="${focused}"]`)?.focus();
}

/** Make the circle that completes a task. */
export function circle(task) {
  const done = task.status === "done";
  return h(
    "button",
    {
      class: "circle",
      role: "checkbox",
      "aria-checked": String(done),
      "aria-label": `Complete “${task.title}”`,
      disabled: !canWrite() || Boolean(task.deleted_at),
      data: { part: "circle", status: task.status },
      on: { click: () => tasks.toggle(task.id) },
    },
    icon("check"),
  );
}

function link(task) {
  return h(
    "a",
    {
      class: "title",
      href: address({ ...place(), task: task.id }),
      data: { part: "title" },
      "aria-describedby": `about-${task.id}`,
      "aria-current": place().task === task.id ? "true" : null,
    },
    task.title,
  );
}

function details(task) {
  return h(
    "div",
    { class: "about", id: `about-${task.id}` },
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
  );
}

/** Return an element coloured as a project or label is. */
export function tint(element, color) {
  if (color) element.style.setProperty("--tint", color);
  return element;
}

function labelColor(name) {
  return lists.labels.find((each) => each.name === name)?.color;
}

function projectChip(task) {
  const found = project(task.project_id);
  if (!found || (place().view === "project" && place().of === found.id)) return null;
  return h("span", { class: "chip project" }, tint(h("i", { class: "dot" }), found.color), found.name);
}

function due(task) {
  const day = dueDay(task);
  if (!day) return null;
  const when = isOverdue(task) ? "overdue" : day === today() ? "today" : "";
  return h(
    "span",
    { class: "chip due", data: { when } },
    icon("calendar"),
    when === "overdue" && h("span", { class: "unseen" }, "Overdue: "),
    describeDue(task),
  );
}
