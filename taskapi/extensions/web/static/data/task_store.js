/** The loaded tasks: the last response of the server, merged with the changes in the outbox. */

import { tasks as api } from "../api/client.js";
import { findConflicts } from "./merge.js";
import * as outbox from "./outbox.js";
import { positionBetween, unsavedPosition } from "./positions.js";
import { syncEvents } from "./sync_queue.js";

/** Events: `change` when a task or the outbox changed; `renamed` with `{from, to}` when a task gets its id. */
export const taskEvents = new EventTarget();

const NEW_TASK = {
  title: "",
  description: "",
  status: "todo",
  priority: "none",
  due_date: null,
  due_at: null,
  project_id: null,
  parent_id: null,
  labels: [],
  recurrence: null,
  recurrence_from: "due",
  reminders: [],
  next_id: null,
  completed_at: null,
  deleted_at: null,
  version: 0,
};

const serverTasks = new Map();
const temporaryIds = new Map();
let staleIds = new Set();

outbox.outboxEvents.addEventListener("change", () => emit("change"));
syncEvents.addEventListener("sent", ({ detail: { operation, task } }) => {
  if (task) storeTasks([task]);
  if (task && operation.kind === "create") renameTask(operation.id, task.id);
});
outbox.outboxEvents.addEventListener("created", ({ detail: { from, task } }) => {
  storeTasks([task]);
  renameTask(from, task.id);
});

/** Store tasks from a response, unless a newer version is stored. */
export function storeTasks(rows) {
  for (const row of rows) {
    if (staleIds.delete(row.id) || !(serverTasks.get(row.id)?.version > row.version)) serverTasks.set(row.id, row);
  }
  emit("change");
}

/** Let the next response replace each task, whatever its version: the server may have restored a backup. */
export function markAllStale() {
  staleIds = new Set(serverTasks.keys());
}

/** Return a task with its unsaved changes, `pending` if there are any; undefined if it is not loaded. */
export function findTask(taskId) {
  const id = outbox.serverId(taskId);
  const operations = outbox.pendingOperations().filter((each) => each.id === id);
  const created = operations.find((each) => each.kind === "create");
  const row = serverTasks.get(id) ?? (created && newTask(created));
  return row && operations.reduce(applyOperation, row);
}

/** Return a key of a task that stays the same when the server gives it an id. */
export function stableKey({ id }) {
  return temporaryIds.get(id) ?? id;
}

/** Return the tasks that the server does not have yet, newest first. */
export function unsavedTasks() {
  return outbox
    .pendingOperations()
    .filter((each) => each.kind === "create" && !serverTasks.has(each.id))
    .map((each) => findTask(each.id))
    .reverse();
}

/** Add a task. Returns its temporary id. */
export function addTask(values) {
  return outbox.enqueue("create", null, { changes: values });
}

/** Change a task. `base` is the task when the edit began; conflicts are detected against it. */
export function updateTask(id, changes, base = findTask(id), group = null) {
  const row = serverTasks.get(id);
  const isUnchanged = row && !findConflicts(base, changes, row).length;
  outbox.enqueue("update", id, { base: isUnchanged ? row : base, changes, ...(group && { group }) });
}

/** Change several tasks together: pairs of an id and the changes. */
export function updateTasks(pairs) {
  const group = outbox.newGroup();
  for (const [id, changes] of pairs) updateTask(id, changes, findTask(id), group);
}

/** Move several tasks to the trash together. */
export function deleteTasks(ids) {
  const group = outbox.newGroup();
  for (const id of ids) outbox.enqueue("remove", id, { group });
}

/** Move a task to the trash. */
export function deleteTask(id) {
  outbox.enqueue("remove", id);
}

/** Restore a task from the trash. */
export function restoreTask(id) {
  outbox.enqueue("restore", id);
}

/** Move a task in the manual order. `beside` is `{after: id}` or `{before: id}`. The task is shown at `position`, or
 * between `low` and `high`.
 */
export function moveTask(id, { beside, low, high, position = positionBetween(low, high) }) {
  const [[side, other]] = Object.entries(beside);
  outbox.enqueue("move", id, { changes: { position }, beside: { [side]: outbox.serverId(other) } });
}

/** Complete a task, or reopen it. */
export function toggleDone(id) {
  updateTask(id, { status: findTask(id).status === "done" ? "todo" : "done" });
}

/** Load a task from the server. */
export async function loadTask(id) {
  storeTasks([await api.show(id)]);
}

function newTask({ key, id, changes }) {
  return { ...NEW_TASK, id, position: unsavedPosition(key), ...changes };
}

function renameTask(from, to) {
  temporaryIds.set(to, from);
  emit("renamed", { from, to });
}

function applyOperation(task, { kind, changes, failure }) {
  if (failure && kind !== "update") return { ...task, pending: true, failure };
  const deletion =
    kind === "remove" ? { removed: true } : kind === "restore" ? { removed: false, deleted_at: null } : {};
  return { ...task, ...changes, ...deletion, pending: true, failure: failure ?? task.failure };
}

function emit(type, detail) {
  taskEvents.dispatchEvent(new CustomEvent(type, { detail }));
}
