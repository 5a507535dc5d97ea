/** Actions on a task, the same by key, mouse and touch; each can be undone. */

import { tasks as api } from "../api/calls.js";
import { announce } from "../data/follow.js";
import * as tasks from "../data/tasks.js";
import { confirm } from "./dialog.js";
import { h } from "./dom.js";
import { rowOf } from "./list.js";
import { canWrite } from "./standing.js";
import { complain, toast } from "./toast.js";

/** Complete a task, or open it again. */
export function toggleTask(id) {
  const task = tasks.find(id);
  if (!canWrite() || !task || task.deleted_at) return;
  tasks.toggle(id);
  const done = task.status === "done" ? "Reopened" : "Completed";
  toast(`${done} “${task.title}”.`, { undo: () => tasks.change(id, { status: task.status }) });
}

/** Move a task to the trash; delete one that is in the trash permanently, after a confirmation. */
export async function deleteTask(id) {
  const task = tasks.find(id);
  if (!canWrite() || !task) return;
  if (task.deleted_at) await deletePermanently(task);
  else {
    tasks.remove(id);
    toast(`Deleted “${task.title}”.`, { undo: () => tasks.restore(id) });
  }
}

/** Take a task out of the trash. */
export function restoreTask(id) {
  tasks.restore(id);
  toast(`Restored “${tasks.find(id).title}”.`);
}

async function deletePermanently(task) {
  if (!(await confirm("Delete for good?", `“${task.title}” and what is under it cannot be brought back.`))) return;
  await api.remove(task.id, { permanent: "true" }).then(announce, complain);
}

/** Edit a task's title in its row: Enter saves, Esc cancels. */
export function editTitle(id) {
  const base = tasks.find(id);
  const link = rowOf(id)?.querySelector(".title");
  if (!canWrite() || !link || base.deleted_at) return;
  const input = h("input", {
    class: "title-input",
    name: "title",
    value: base.title,
    maxlength: 200,
    "aria-label": `Title of “${base.title}”`,
  });
  let left = false;
  const leave = (keep) => {
    if (left) return;
    left = true;
    const title = input.value.trim();
    input.replaceWith(link);
    link.focus();
    if (keep && title && title !== base.title) tasks.change(id, { title }, base);
  };
  input.addEventListener("blur", () => leave(true));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "Escape") leave(event.key === "Enter");
    event.stopPropagation();
  });
  link.replaceWith(input);
  input.select();
}
