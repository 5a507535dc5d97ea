/** The trash: how long a task stays in it, and its end. */

import { tasks as api } from "../api/client.js";
import { server } from "../api/server.js";
import { findTask } from "./task_store.js";
import { canChangeWholeLists, requireSaved } from "./whole_lists.js";

const DAY_MS = 24 * 3600 * 1000;
const PAGE_SIZE = 100;
const GONE_OR_CHANGED = new Set([404, 412]);

/** Return the number of days until a task in the trash is deleted permanently. */
export function daysLeft({ deleted_at: deleted }) {
  const left = Date.parse(deleted) + server.trash_days * DAY_MS - Date.now();
  return Math.max(0, Math.ceil(left / DAY_MS));
}

/** Return what emptying the trash deletes. Throws an error if it cannot be emptied now. */
export async function describeTrash() {
  if (!canChangeWholeLists()) return "All tasks in the trash and their subtasks";
  requireSaved();
  const { count } = await api.count({ deleted: "true" });
  return `${count === 1 ? "1 task" : `${count} tasks`} in the trash, and all projects and labels in it,`;
}

/** Empty the trash: in one request if the server can, with its projects and labels, or else task by task. */
export function emptyTrash() {
  return canChangeWholeLists() ? api.emptyTrash() : deleteEachTask();
}

/** Delete all tasks in the trash permanently. Those that were restored meanwhile, here or elsewhere, stay. */
async function deleteEachTask() {
  let cursor = null;
  do {
    const page = await api.list({ deleted: "true", sort: "created_at", limit: PAGE_SIZE, cursor });
    for (const { id, version } of page.items) {
      const isRestored = findTask(id)?.deleted_at === null;
      if (!isRestored) await api.remove(id, { permanent: "true" }, version).catch(ignoreGoneOrChanged);
    }
    cursor = page.next_cursor;
  } while (cursor);
}

/** Ignore a subtask that was deleted with its parent, and a task that was restored elsewhere. */
function ignoreGoneOrChanged(problem) {
  if (!GONE_OR_CHANGED.has(problem.status)) throw problem;
}
