/** The tasks that this page knows: as the server last returned them, with the changes that wait in the outbox. */

import { tasks as api } from "../api/calls.js";
import { courier } from "./courier.js";
import { conflicts } from "./merge.js";
import * as waiting from "./outbox.js";

/** Events: `change` when a task or a waiting change of one changed; `renamed` with `{from, to}`. */
export const tasks = new EventTarget();

const NEW = {
  title: "",
  description: "",
  status: "todo",
  priority: "none",
  due_date: null,
  due_at: null,
  project_id: null,
  parent_id: null,
  labels: [],
  completed_at: null,
  deleted_at: null,
  version: 0,
};

const known = new Map();
const firstIds = new Map();
let distrusted = new Set();

waiting.outbox.addEventListener("change", () => tell("change"));
courier.addEventListener("sent", ({ detail: { operation, task } }) => {
  if (task) learn([task]);
  if (task && operation.kind === "create") rename(operation.id, task.id);
});

/** Take over tasks that the server returned, unless a newer version is known. */
export function learn(rows) {
  for (const row of rows) {
    if (distrusted.delete(row.id) || !(known.get(row.id)?.version > row.version)) known.set(row.id, row);
  }
  tell("change");
}

/** Let the next answer of the server replace each known task, whatever its version: a backup may have been restored. */
export function distrust() {
  distrusted = new Set(known.keys());
}

/** Return a task as it is shown, with `pending` when a change of it waits; undefined if it is not known. */
export function find(asked) {
  const id = waiting.idOf(asked);
  const operations = waiting.waiting().filter((each) => each.id === id);
  const created = operations.find((each) => each.kind === "create");
  const row = known.get(id) ?? (created && { ...NEW, id, ...created.changes });
  return row && operations.reduce(apply, row);
}

/** Return the key of a task, the same before and after the server gives it an id. */
export function keyOf({ id }) {
  return firstIds.get(id) ?? id;
}

/** Return the tasks that are not created on the server yet, the latest first. */
export function unmade() {
  return waiting
    .waiting()
    .filter((each) => each.kind === "create")
    .map((each) => find(each.id))
    .reverse();
}

/** Add a task; returns its id until the server gives it one. */
export function add(values) {
  return waiting.put("create", null, { changes: values });
}

/** Change a task; `base` is how it was when the edit began, so that it is seen who else changed it since. */
export function change(id, changes, base = find(id)) {
  const row = known.get(id);
  const untouched = row && !conflicts(base, changes, row).length;
  waiting.put("update", id, { base: untouched ? row : base, changes });
}

/** Put a task into the trash. */
export function remove(id) {
  waiting.put("remove", id);
}

/** Take a task out of the trash. */
export function restore(id) {
  waiting.put("restore", id);
}

/** Complete a task, or open it again. */
export function toggle(id) {
  change(id, { status: find(id).status === "done" ? "todo" : "done" });
}

/** Ask the server for a task. */
export async function load(id) {
  learn([await api.show(id)]);
}

function rename(from, to) {
  firstIds.set(to, from);
  tell("renamed", { from, to });
}

function apply(task, { kind, changes, trouble }) {
  if (trouble && kind !== "update") return { ...task, pending: true, trouble };
  const gone = kind === "remove" ? { removed: true } : kind === "restore" ? { removed: false, deleted_at: null } : {};
  return { ...task, ...changes, ...gone, pending: true, trouble: trouble ?? task.trouble };
}

function tell(type, detail) {
  tasks.dispatchEvent(new CustomEvent(type, { detail }));
}
