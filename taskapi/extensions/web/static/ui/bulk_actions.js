/** Actions on all selected tasks, in a bar at the bottom of the list. Each can be undone, outside the trash. */

import { catalog } from "../data/catalog.js";
import * as taskStore from "../data/task_store.js";
import { VIEWS } from "../data/views.js";
import { canChangeWholeLists } from "../data/whole_lists.js";
import { showDialog } from "./dialog.js";
import { h, icon, setChildrenIfChanged } from "./dom.js";
import { form, formField } from "./form.js";
import { currentRoute } from "./router.js";
import { selectAll, selectedIds, selectionEvents, isSelecting, stopSelecting } from "./selection.js";
import { findRow } from "./task_list.js";
import { showToast } from "./toast.js";
import { changeWholeList } from "./whole_list.js";

const MAX_LABELS = 20;
const ACTIONS = [
  ["done", "Complete", "Complete", completeSelected],
  ["folder", "Move", "Move to a project", moveSelected],
  ["label", "Label", "Add a label", labelSelected],
  ["unlabel", "Unlabel", "Unlabel: remove a label", unlabelSelected],
  ["calendar", "Due", "Set the due date", scheduleSelected],
  ["trash", "Delete", "Delete", deleteSelected],
  ["undo", "Restore", "Restore", restoreSelected, "trash"],
];

const countElement = h("strong", { role: "status" });
const wholeListButton = h(
  "button",
  { class: "link", "aria-label": "Change the whole list…", on: { click: () => changeWholeList(endSelection) } },
  "Whole list…",
);
const bar = h(
  "div",
  { class: "bulk", role: "toolbar", "aria-label": "Actions on the selected tasks", hidden: true },
  countElement,
  h("button", { class: "link", on: { click: selectAll } }, "Select all"),
  wholeListButton,
  h("span", { class: "space" }),
  ACTIONS.map(([iconName, text, label, run, place = "list"]) =>
    h(
      "button",
      { class: "quiet", "aria-label": label, title: label, data: { action: place }, on: { click: run } },
      icon(iconName),
      h("span", {}, text),
    ),
  ),
  h("button", { class: "quiet end", "aria-label": "End selection", title: "Esc", on: { click: endSelection } }, "×"),
);

/** Return the bar. It shows itself while tasks are selected. */
export function bulkActions() {
  for (const source of [selectionEvents, taskStore.taskEvents]) source.addEventListener("change", draw);
  return bar;
}

/** Move the selected tasks to the trash, parents first: restoring a subtask needs its parent. */
export function deleteSelected() {
  const tasks = selectedTasks().sort((one, other) => depth(one) - depth(other));
  if (!tasks.length || isInTrash()) return;
  const ids = tasks.map(({ id }) => id);
  endSelection();
  taskStore.deleteTasks(ids);
  showToast(`Deleted ${countTasks(ids)}.`, { undo: () => ids.forEach(taskStore.restoreTask) });
}

/** End the selection; the focus moves to the first task that was selected. */
export function endSelection() {
  const [first] = selectedIds();
  stopSelecting();
  (findRow(first)?.querySelector(".title") ?? document.querySelector("main h1"))?.focus();
}

function draw() {
  bar.hidden = !isSelecting();
  if (bar.hidden) return;
  const count = selectedIds().length;
  setChildrenIfChanged(countElement, count, () => `${count} selected`);
  wholeListButton.hidden = !canChangeWholeLists();
  for (const button of bar.querySelectorAll("[data-action]")) {
    button.disabled = !count;
    button.hidden = (button.dataset.action === "trash") !== isInTrash();
  }
}

function isInTrash() {
  return Boolean(VIEWS[currentRoute().view]?.isTrash);
}

function completeSelected() {
  const tasks = selectedTasks().filter(({ status }) => status !== "done");
  change(tasks, () => ({ status: "done" }), "Completed");
}

/** Subtasks of a selected task move with it. A subtask that moves alone leaves its parent. */
function moveSelected() {
  const projects = catalog.projects.filter(({ archived }) => !archived);
  const select = h(
    "select",
    { name: "project_id" },
    h("option", { value: "" }, "No project"),
    projects.map(({ id, name }) => h("option", { value: id }, name)),
  );
  ask("Move to a project", "Move", formField("Project", select), ({ project_id: chosen }) => {
    const tasks = selectedTasks();
    const ids = new Set(tasks.map(({ id }) => id));
    const moved = tasks.filter((task) => !ids.has(task.parent_id) && task.project_id !== (chosen || null));
    change(moved, (task) => ({ project_id: chosen || null, ...(task.parent_id && { parent_id: null }) }), "Moved");
  });
}

function labelSelected() {
  const names = h(
    "datalist",
    { id: "bulk-labels" },
    catalog.labels.map(({ name }) => h("option", { value: name })),
  );
  const input = h("input", { name: "label", maxlength: 50, required: true, autocomplete: "off", list: names.id });
  ask("Add a label", "Add", [formField("Label", input), names], ({ label }) => {
    const name = label.trim().replace(/^@/u, "");
    if (!name) throw Object.assign(new Error("Enter the name of a label."), { status: 422 });
    const hasLabel = ({ labels }) => labels.some((each) => each.toLowerCase() === name.toLowerCase());
    const tasks = selectedTasks();
    if (tasks.some((task) => !hasLabel(task) && task.labels.length >= MAX_LABELS))
      throw Object.assign(new Error(`A task has at most ${MAX_LABELS} labels.`), { status: 422 });
    change(
      tasks.filter((task) => !hasLabel(task)),
      (task) => ({ labels: [...task.labels, name] }),
      "Labelled",
    );
  });
}

function unlabelSelected() {
  const names = [...new Set(selectedTasks().flatMap(({ labels }) => labels))].sort();
  const select = h(
    "select",
    { name: "label" },
    names.map((name) => h("option", { value: name }, name)),
  );
  const hint = names.length ? null : "The selected tasks have no labels.";
  ask("Remove a label", "Remove", formField("Label", select, hint), ({ label }) =>
    change(
      selectedTasks().filter(({ labels }) => labels.includes(label)),
      ({ labels }) => ({ labels: labels.filter((name) => name !== label) }),
      "Removed the label from",
    ),
  );
}

/** Restore the selected tasks, parents first. */
function restoreSelected() {
  const tasks = selectedTasks().sort((one, other) => depth(one) - depth(other));
  endSelection();
  for (const { id } of tasks) taskStore.restoreTask(id);
  showToast(`Restored ${countTasks(tasks)}.`);
}

function scheduleSelected() {
  const input = h("input", { type: "date", name: "day", min: "1970-01-01", max: "9999-12-31" });
  ask("Set a due date", "Set", formField("Due date", input, "Leave it empty to remove the due date."), ({ day }) =>
    change(
      selectedTasks(),
      () => ({ due_date: day || null, due_at: null, ...(!day && { recurrence: null }) }),
      "Rescheduled",
    ),
  );
}

function ask(title, submitLabel, fields, apply) {
  return showDialog(title, (close) =>
    form({
      submitLabel,
      children: [fields].flat(),
      send: async (values) => apply(values),
      done: () => close(),
    }),
  );
}

/** Change tasks together, end the selection, and offer to undo it. */
function change(tasks, changesOf, verb) {
  const pairs = tasks.map((task) => [task.id, changesOf(task)]);
  const previous = tasks.map((task) => [task.id, pick(task, changesOf(task))]);
  endSelection();
  if (pairs.length) taskStore.updateTasks(pairs);
  showToast(`${verb} ${countTasks(tasks)}.`, { undo: pairs.length ? () => taskStore.updateTasks(previous) : null });
}

function pick(task, changes) {
  return Object.fromEntries(Object.keys(changes).map((name) => [name, task[name]]));
}

function selectedTasks() {
  return selectedIds().map(taskStore.findTask).filter(Boolean);
}

function depth(task) {
  const parent = task.parent_id && taskStore.findTask(task.parent_id);
  return parent ? depth(parent) + 1 : 0;
}

function countTasks({ length }) {
  return length === 1 ? "1 task" : `${length} tasks`;
}
