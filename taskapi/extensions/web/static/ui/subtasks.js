/** The subtasks of the open task. */

import { changeFeed } from "../data/change_feed.js";
import { serverId } from "../data/outbox.js";
import { comparePositions } from "../data/positions.js";
import { TaskQuery } from "../data/task_query.js";
import * as taskStore from "../data/task_store.js";
import { canWrite } from "./current_user.js";
import { h, reconcile } from "./dom.js";
import { allowMoves, isDragging, updateHandle } from "./manual_order.js";
import { currentRoute, routeUrl } from "./router.js";
import { doneCheckbox, updateDoneCheckbox } from "./task_row.js";

let open = null; // {id, query, rows, progress}

/** Return the subtasks of a task, with a form to add one. */
export function subtasks(id) {
  const rows = h("ul", { class: "subtasks" });
  allowMoves(rows, { isOrdered: () => true, draw });
  const progress = h("span", { class: "count" });
  const input = h("input", {
    name: "subtask",
    maxlength: 200,
    placeholder: "Add a subtask",
    dir: "auto",
    "aria-label": "Add a subtask",
    autocomplete: "off",
  });
  open = { id, rows, progress, query: new TaskQuery({ parent_id: id, sort: "position" }) };
  const add = (event) => {
    event.preventDefault();
    const title = input.value.trim();
    if (title) taskStore.addTask({ title, parent_id: serverId(id) });
    input.value = "";
  };
  refresh();
  return h(
    "section",
    { "aria-label": "Subtasks" },
    h("h2", {}, "Subtasks ", progress),
    rows,
    canWrite() && h("form", { on: { submit: add } }, input),
  );
}

async function refresh() {
  const requested = open;
  if (!requested) return;
  requested.id = serverId(requested.id);
  if (requested.id.startsWith("new-")) return;
  requested.query.filters.parent_id = requested.id;
  await requested.query.reload();
  if (requested === open) draw();
}

function draw() {
  if (!open?.rows.isConnected || isDragging()) return;
  const known = open.query.ids
    .map(taskStore.findTask)
    .filter((task) => task && !task.removed && task.parent_id === open.id);
  const unsaved = taskStore.unsavedTasks().filter((task) => task.parent_id === open.id);
  const subtaskList = [...known, ...unsaved].sort(comparePositions);
  reconcile(open.rows, subtaskList, { key: taskStore.stableKey, make, update });
  open.progress.textContent = subtaskList.length
    ? `${subtaskList.filter((task) => task.status === "done").length} of ${subtaskList.length}`
    : "";
}

function make() {
  return h("li", {}, doneCheckbox(), h("a", { dir: "auto", data: { part: "title" } }));
}

function update(element, task) {
  Object.assign(element.dataset, { id: task.id, status: task.status });
  updateDoneCheckbox(element.firstChild, task);
  updateHandle(element, canWrite());
  const link = element.querySelector("a");
  link.textContent = task.title;
  link.href = routeUrl({ ...currentRoute(), task: task.id });
}

changeFeed.addEventListener("change", refresh);
taskStore.taskEvents.addEventListener("change", draw);
