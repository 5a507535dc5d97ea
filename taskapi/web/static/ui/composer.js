/** Quick add: a line in which signs stand for priority, label and project, and the end says when. */

import { projects as projectsApi } from "../api/calls.js";
import { lists, nextColor, projectNamed, reload } from "../data/catalog.js";
import { announce } from "../data/follow.js";
import * as tasks from "../data/tasks.js";
import { VIEWS } from "../data/views.js";
import { describeDue } from "../text/days.js";
import { finish, HINT, parse, PRIORITIES, wordAt } from "../text/quickadd.js";
import { fill, h, icon } from "./dom.js";
import { place } from "./router.js";
import { suggest } from "./suggest.js";
import { complain, toast } from "./toast.js";

const DRAFT = "taskapi.draft";

const input = h("input", {
  class: "composer-input",
  name: "task",
  maxlength: 400,
  autocomplete: "off",
  enterkeyhint: "done",
  placeholder: "Add a task",
  "aria-label": "Add a task",
  "aria-describedby": "composer-says",
  "aria-keyshortcuts": "n",
});
const says = h("p", { class: "composer-says", id: "composer-says" });
const element = h("form", { class: "composer", on: { submit } }, icon("add"), input, says);

input.addEventListener("input", draw);
input.addEventListener("focus", () => {
  input.placeholder = HINT;
});
input.addEventListener("blur", () => {
  input.placeholder = "Add a task";
});
suggest(input, { find: matches, take: complete });

/** Return quick add, with what was being written when the page was last left. */
export function composer() {
  input.value ||= sessionStorage.getItem(DRAFT) ?? "";
  draw();
  return element;
}

/** Go to quick add. */
export function compose() {
  input.focus();
}

async function submit(event) {
  event.preventDefault();
  const { project, ...values } = parse(input.value);
  if (!values.title) return;
  try {
    const started = VIEWS[place().view]?.starts?.(place().of) ?? {};
    const task = { ...merged(started, values), ...(project && { project_id: await projectOf(project) }) };
    tasks.add(task);
    input.value = "";
    draw();
    if (VIEWS[place().view]?.fits?.(task) === false) toast(`Added for ${describeDue(task)}.`);
  } catch (problem) {
    complain(problem);
  }
}

/** What a task of this view starts with, and what was written: a day or hour written takes the place of the view's. */
function merged(started, values) {
  const { due_date: day, ...others } = started;
  const labels = [...new Set([...(started.labels ?? []), ...(values.labels ?? [])])];
  return { ...others, ...(day && !values.due_at && { due_date: day }), ...values, ...(labels.length && { labels }) };
}

async function projectOf(name) {
  const known = projectNamed(name);
  if (known) return known.id;
  const made = await projectsApi.create({ name, color: nextColor() });
  await reload();
  announce();
  return made.id;
}

function draw() {
  sessionStorage.setItem(DRAFT, input.value);
  fill(says, input.value ? understood(parse(input.value)) : []);
}

function understood({ priority, labels = [], project, ...due }) {
  const known = project && projectNamed(project);
  return [
    priority && h("span", { class: "chip priority", data: { priority } }, icon("flag"), priority),
    labels.map((name) => h("span", { class: "chip label" }, `#${name}`)),
    project && h("span", { class: "chip project" }, known ? known.name : `New project “${project}”`),
    (due.due_date || due.due_at) &&
      h("span", { class: "chip due" }, icon("calendar"), describeDue({ due_date: null, ...due })),
  ];
}

function matches() {
  const word = wordAt(input.value, input.selectionStart);
  if (!word) return [];
  const names = {
    "!": PRIORITIES.slice(1).reverse(),
    "#": lists.labels.map((each) => each.name),
    "@": lists.projects.map((each) => each.name),
  };
  return names[word.sign].filter((name) => name.toLowerCase().startsWith(word.start.toLowerCase())).slice(0, 8);
}

function complete(name) {
  const { line, cursor } = finish(input.value, input.selectionStart, wordAt(input.value, input.selectionStart), name);
  input.value = line;
  input.setSelectionRange(cursor, cursor);
  draw();
}
