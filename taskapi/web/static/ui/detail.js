/** The open task: all its fields, each saved as it is left. */

import { catalog } from "../data/catalog.js";
import { feed } from "../data/follow.js";
import { same } from "../data/merge.js";
import { idOf } from "../data/outbox.js";
import * as tasks from "../data/tasks.js";
import { describeInstant } from "../text/days.js";
import { deleteTask } from "./acts.js";
import { fill, h, icon, refill } from "./dom.js";
import { fields } from "./fields.js";
import { rowOf } from "./list.js";
import { place, router, turn } from "./router.js";
import { circle, updateCircle } from "./row.js";
import { canWrite } from "./standing.js";
import { subtasks } from "./subtasks.js";
import { complain } from "./toast.js";
import { unsavedNote } from "./unsaved.js";

const PAUSE = 1000;
const pane = h("aside", { class: "detail", "aria-label": "Task", tabindex: "-1", hidden: true });
const editable = h("fieldset", {});
const check = circle();
const note = h("div", {});
const dates = h("p", { class: "dates" });

let shown = null; // the id of the task in the pane
let parts = [];

/** Return the pane; it keeps itself up to date. */
export function detail() {
  router.addEventListener("change", follow);
  tasks.tasks.addEventListener("change", draw);
  tasks.tasks.addEventListener(
    "renamed",
    ({ detail: { from, to } }) => from === place().task && turn({ task: to }, { replace: true }),
  );
  catalog.addEventListener("change", draw);
  feed.addEventListener("restart", reload);
  window.addEventListener("pagehide", saveAll);
  follow();
  return pane;
}

/** Close the pane, and go back to its row. */
export function closeDetail() {
  const { task } = place();
  turn({ task: null });
  rowOf(task)?.querySelector(".title")?.focus();
}

/** Go to the title in the pane. */
export function focusDetail() {
  pane.querySelector(".title-field")?.focus();
}

async function follow() {
  const { task } = place();
  if (task === shown) return;
  const renamed = shown !== null && idOf(shown) === task;
  if (!renamed) saveAll();
  shown = task;
  if (renamed) return;
  pane.hidden = !task;
  if (!task) return;
  build(task);
  draw();
  pane.focus({ preventScroll: true });
  await reload();
}

async function reload() {
  if (shown && !shown.startsWith("new-")) await tasks.load(shown).catch(missing);
}

function missing(problem) {
  if (tasks.find(shown) && problem.passing) return;
  turn({ task: null }, { replace: true });
  complain(problem);
}

function build(id) {
  parts = fields().map((part) => ({ ...part, id, base: null, shown: null }));
  const [title, description, ...others] = parts;
  const named = ({ label, element }) => [h("label", { for: element.dataset.labelled ?? element.id }, label), element];
  fill(
    pane,
    h("button", { class: "quiet cross", "aria-label": "Close task", title: "Esc", on: { click: closeDetail } }, "×"),
    note,
    editable,
    subtasks(id),
    h("footer", {}, dates, canWrite() && remover()),
  );
  fill(
    editable,
    h("div", { class: "lead" }, check, title.element),
    description.element,
    h("div", { class: "grid" }, others.map(named)),
  );
  editable.disabled = true; // until there is something in it
  parts.forEach(listen);
}

function remover() {
  return h("button", { class: "quiet", on: { click: () => deleteTask(shown) } }, icon("trash"), "Delete");
}

function listen(part) {
  part.element.addEventListener("focusin", () => {
    part.base ??= tasks.find(part.id);
  });
  part.element.addEventListener("change", () => save(part));
  part.element.addEventListener("focusout", ({ relatedTarget }) => {
    if (!part.element.contains(relatedTarget)) save(part, { leave: true });
  });
  part.element.addEventListener("input", () => {
    clearTimeout(part.timer);
    part.timer = setTimeout(save, PAUSE, part);
  });
}

/** Save a field if its user edited it: a field may show less than the task has, for example no seconds. */
function save(part, { leave = false } = {}) {
  clearTimeout(part.timer);
  const task = tasks.find(part.id);
  if (!task) return;
  const base = part.base ?? task;
  const changes = Object.entries(isEdited(part) ? part.read() : {}).filter(([name, value]) => !same(value, base[name]));
  if (changes.length && canWrite()) tasks.change(part.id, whole(Object.fromEntries(changes), part), base);
  part.shown = part.read();
  part.base = leave || !part.element.contains(document.activeElement) ? null : tasks.find(part.id);
  if (leave) draw();
}

/** A due day and a due instant are said together, as one ends the other. */
function whole(changes, part) {
  return "due_date" in changes || "due_at" in changes ? part.read() : changes;
}

function saveAll() {
  for (const part of parts) if (part.base) save(part, { leave: true });
}

function draw() {
  const task = shown && tasks.find(shown);
  if (!task) return;
  if (task.removed) {
    turn({ task: null }, { replace: true });
    return;
  }
  for (const part of parts) {
    if (isBeingWritten(part)) continue;
    part.write(task);
    part.shown = part.read();
    if (part.base) part.base = task;
  }
  editable.disabled = !canWrite() || Boolean(task.deleted_at);
  updateCircle(check, task);
  refill(note, task.trouble, () => unsavedNote(task));
  dates.textContent = task.created_at ? `Added ${describeInstant(task.created_at)}` : "Not saved yet";
}

/** A field with words in it that are not saved is left alone, whatever comes from elsewhere. */
function isBeingWritten(part) {
  return part.base && part.element.contains(document.activeElement) && isEdited(part);
}

/** Tell whether a field says something else than when it was last filled from the task, or saved. */
function isEdited({ shown: filled, read }) {
  const said = read();
  return filled !== null && Object.keys({ ...filled, ...said }).some((name) => !same(said[name], filled[name]));
}
