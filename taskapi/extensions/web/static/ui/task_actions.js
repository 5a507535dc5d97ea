/** Actions on a task, shared by keyboard, mouse and touch. Each can be undone. */

import { tasks as api } from "../api/client.js";
import { announceChange } from "../data/change_feed.js";
import * as taskStore from "../data/task_store.js";
import { canWrite } from "./current_user.js";
import { confirm } from "./dialog.js";
import { h } from "./dom.js";
import { findRow } from "./task_list.js";
import { showError, showToast } from "./toast.js";

/** Complete a task, or reopen it. */
export function toggleTask(id) {
  const task = taskStore.findTask(id);
  if (!canWrite() || !task || task.deleted_at) return;
  taskStore.toggleDone(id);
  const verb = task.status === "done" ? "Reopened" : "Completed";
  showToast(`${verb} “${task.title}”.`, { undo: () => taskStore.updateTask(id, { status: task.status }) });
}

/** Move a task to the trash; delete one that is in the trash permanently, after a confirmation. */
export async function deleteTask(id) {
  const task = taskStore.findTask(id);
  if (!canWrite() || !task) return;
  if (task.deleted_at) await deletePermanently(task);
  else {
    taskStore.deleteTask(id);
    showToast(`Deleted “${task.title}”.`, { undo: () => taskStore.restoreTask(id) });
  }
}

/** Restore a task from the trash. */
export function restoreTask(id) {
  taskStore.restoreTask(id);
  showToast(`Restored “${taskStore.findTask(id).title}”.`);
}

async function deletePermanently(task) {
  if (
    !(await confirm(
      "Delete permanently?",
      `“${task.title}” and its subtasks are deleted permanently. You cannot undo this.`,
    ))
  )
    return;
  await api.remove(task.id, { permanent: "true" }).then(announceChange, showError);
}

/** Edit a task's title in its row: Enter saves, Esc cancels. */
export function editTitle(id) {
  const base = taskStore.findTask(id);
  const link = findRow(id)?.querySelector(".title");
  if (!canWrite() || !link || base.deleted_at) return;
  const input = h("input", {
    class: "title-input",
    name: "title",
    value: base.title,
    maxlength: 200,
    dir: "auto",
    "aria-label": `Title of “${base.title}”`,
  });
  let isDone = false;
  const finish = (save) => {
    if (isDone) return;
    isDone = true;
    const title = input.value.trim();
    input.replaceWith(link);
    link.focus();
    if (save && title && title !== base.title) taskStore.updateTask(id, { title }, base);
  };
  input.addEventListener("blur", () => finish(true));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "Escape") finish(event.key === "Enter");
    event.stopPropagation();
  });
  link.replaceWith(input);
  input.select();
}
