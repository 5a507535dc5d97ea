/** The detail pane: all fields of the open task. A field is saved when it loses the focus. */

import { catalogEvents } from "../data/catalog.js";
import { changeFeed } from "../data/change_feed.js";
import { isSame } from "../data/merge.js";
import { serverId } from "../data/outbox.js";
import * as taskStore from "../data/task_store.js";
import { describeInstant } from "../text/dates.js";
import { canWrite } from "./current_user.js";
import { h, icon, setChildren, setChildrenIfChanged } from "./dom.js";
import { currentRoute, routerEvents, updateRoute } from "./router.js";
import { subtasks } from "./subtasks.js";
import { deleteTask } from "./task_actions.js";
import { taskFields } from "./task_fields.js";
import { findRow } from "./task_list.js";
import { doneCheckbox, updateDoneCheckbox } from "./task_row.js";
import { showError } from "./toast.js";
import { unsavedNotice } from "./unsaved_changes.js";

const SAVE_DELAY_MS = 1000;
const pane = h("aside", { class: "detail", "aria-label": "Task", tabindex: "-1", hidden: true });
const editable = h("fieldset", {});
const checkbox = doneCheckbox();
const noteElement = h("div", {});
const datesElement = h("p", { class: "dates" });

let openId = null; // the id of the task in the pane
let fields = [];

/** Return the pane. It updates itself. */
export function taskDetail() {
  routerEvents.addEventListener("change", openRouteTask);
  taskStore.taskEvents.addEventListener("change", draw);
  taskStore.taskEvents.addEventListener(
    "renamed",
    ({ detail: { from, to } }) => from === currentRoute().task && updateRoute({ task: to }, { replace: true }),
  );
  catalogEvents.addEventListener("change", draw);
  changeFeed.addEventListener("restart", () => loadTask(openId));
  window.addEventListener("pagehide", saveAllFields);
  openRouteTask();
  return pane;
}

/** Close the pane and focus the row of its task. */
export function closeTaskDetail() {
  const { task } = currentRoute();
  updateRoute({ task: null });
  findRow(task)?.querySelector(".title")?.focus();
}

/** Focus the title in the pane. */
export function focusTaskDetail() {
  pane.querySelector(".title-field")?.focus();
}

async function openRouteTask() {
  const { task } = currentRoute();
  if (task === openId) return;
  const isRenamed = openId !== null && serverId(openId) === task;
  if (!isRenamed) saveAllFields();
  openId = task;
  if (isRenamed) return;
  pane.hidden = !task;
  if (!task) return;
  buildPane(task);
  draw();
  pane.focus({ preventScroll: true });
  await loadTask(task);
}

/** Load a task. A new one is known without the server. If it is unknown, the server responds that it does not exist. */
async function loadTask(id) {
  if (!id || isKnownNew(id)) return;
  await taskStore.loadTask(id).catch((problem) => handleLoadError(id, problem));
}

/** Whether an id is that of a new task which this tab knows: it waits, or a tab has sent it. */
function isKnownNew(id) {
  return id.startsWith("new-") && Boolean(taskStore.findTask(id));
}

function handleLoadError(id, problem) {
  if (isKnownNew(id)) {
    saveAllFields(); // another tab has told its id in the meantime
    return;
  }
  if (taskStore.findTask(id) && problem.isRetryable) return;
  if (id === openId) updateRoute({ task: null }, { replace: true });
  showError(problem);
}

function buildPane(id) {
  fields = taskFields().map((field) => ({ ...field, id, base: null, savedValue: null }));
  const [title, description, ...others] = fields;
  const named = ({ label, element }) => [h("label", { for: element.dataset.labelled ?? element.id }, label), element];
  setChildren(
    pane,
    h(
      "button",
      { class: "quiet cross", "aria-label": "Close task", title: "Esc", on: { click: closeTaskDetail } },
      "×",
    ),
    noteElement,
    editable,
    subtasks(id),
    h("footer", {}, datesElement, canWrite() && deleteButton()),
  );
  setChildren(
    editable,
    h("div", { class: "lead" }, checkbox, title.element),
    description.element,
    h("div", { class: "grid" }, others.map(named)),
  );
  editable.disabled = true; // until the task is loaded
  fields.forEach(listenToField);
}

function deleteButton() {
  return h("button", { class: "quiet", on: { click: () => deleteTask(openId) } }, icon("trash"), "Delete");
}

function listenToField(field) {
  field.element.addEventListener("focusin", () => {
    field.base ??= taskStore.findTask(field.id);
  });
  field.element.addEventListener("change", () => saveField(field));
  field.element.addEventListener("focusout", ({ relatedTarget }) => {
    if (!field.element.contains(relatedTarget)) saveField(field, { isLeaving: true });
  });
  field.element.addEventListener("input", () => {
    clearTimeout(field.timer);
    field.timer = setTimeout(saveField, SAVE_DELAY_MS, field);
  });
}

/** Save a field if the user edited it. An unedited field may show less than the task has, for example no seconds. */
function saveField(field, { isLeaving = false } = {}) {
  clearTimeout(field.timer);
  const task = taskStore.findTask(field.id);
  if (!task) {
    if (isEdited(field)) loadTask(field.id); // tells the user that the task does not exist
    return;
  }
  const base = field.base ?? task;
  const changes = Object.entries(isEdited(field) ? field.read() : {}).filter(
    ([name, value]) => !isSame(value, base[name]),
  );
  if (changes.length && canWrite())
    taskStore.updateTask(field.id, withBothDueFields(Object.fromEntries(changes), field), base);
  field.savedValue = field.read();
  field.base = isLeaving || !field.element.contains(document.activeElement) ? null : taskStore.findTask(field.id);
  if (isLeaving) draw();
}

/** Send `due_date` and `due_at` together: setting one clears the other. A recurring task needs one of them. */
function withBothDueFields(changes, field) {
  if (!("due_date" in changes || "due_at" in changes)) return changes;
  const values = field.read();
  return values.due_date || values.due_at ? values : { ...values, recurrence: null };
}

function saveAllFields() {
  for (const field of fields) if (field.base) saveField(field, { isLeaving: true });
}

function draw() {
  const task = openId && taskStore.findTask(openId);
  if (!task) return;
  if (task.removed) {
    updateRoute({ task: null }, { replace: true });
    return;
  }
  for (const field of fields) {
    if (hasUnsavedInput(field)) continue;
    field.write(task);
    field.savedValue = field.read();
    if (field.base) field.base = task;
  }
  editable.disabled = !canWrite() || Boolean(task.deleted_at);
  updateDoneCheckbox(checkbox, task);
  setChildrenIfChanged(noteElement, task.failure, () => unsavedNotice(task));
  datesElement.textContent = task.created_at ? `Created ${describeInstant(task.created_at)}` : "Not saved yet";
}

/** Whether a field has unsaved input, which a change from elsewhere must not replace. */
function hasUnsavedInput(field) {
  return field.base && isEdited(field);
}

/** Whether the value of a field differs from the one that was last loaded or saved. */
function isEdited({ savedValue, read }) {
  const current = read();
  return (
    savedValue !== null &&
    Object.keys({ ...savedValue, ...current }).some((name) => !isSame(current[name], savedValue[name]))
  );
}
