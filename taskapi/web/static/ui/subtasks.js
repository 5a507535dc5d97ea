/** What the open task is made of. */

import { feed } from "../data/follow.js";
import { Listing } from "../data/listing.js";
import { idOf } from "../data/outbox.js";
import * as tasks from "../data/tasks.js";
import { h, reconcile } from "./dom.js";
import { address, place } from "./router.js";
import { circle, updateCircle } from "./row.js";
import { canWrite } from "./standing.js";

let current = null; // {id, listing, rows, progress}

/** Return the subtasks of a task, with a line to add to them. */
export function subtasks(id) {
  const rows = h("ul", { class: "subtasks" });
  const progress = h("span", { class: "count" });
  const input = h("input", {
    name: "subtask",
    maxlength: 200,
    placeholder: "Add a subtask",
    "aria-label": "Add a subtask",
    autocomplete: "off",
  });
  current = { id, rows, progress, listing: new Listing({ parent_id: id, sort: "created_at" }) };
  const add = (event) => {
    event.preventDefault();
    const title = input.value.trim();
    if (title) tasks.add({ title, parent_id: idOf(id), project_id: tasks.find(id).project_id });
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
  const asked = current;
  if (!asked) return;
  asked.id = idOf(asked.id);
  if (asked.id.startsWith("new-")) return;
  asked.listing.query.parent_id = asked.id;
  await asked.listing.reload();
  if (asked === current) draw();
}

function draw() {
  if (!current?.rows.isConnected) return;
  const made = current.listing.ids
    .map(tasks.find)
    .filter((task) => task && !task.removed && task.parent_id === current.id);
  const found = [
    ...made,
    ...tasks
      .unmade()
      .reverse()
      .filter((task) => task.parent_id === current.id),
  ];
  reconcile(current.rows, found, { key: tasks.keyOf, make, update });
  current.progress.textContent = found.length
    ? `${found.filter((task) => task.status === "done").length} of ${found.length}`
    : "";
}

function make() {
  return h("li", {}, circle(), h("a", { data: { part: "title" } }));
}

function update(element, task) {
  element.dataset.status = task.status;
  updateCircle(element.firstChild, task);
  const link = element.lastChild;
  link.textContent = task.title;
  link.href = address({ ...place(), task: task.id });
}

feed.addEventListener("change", refresh);
tasks.tasks.addEventListener("change", draw);
