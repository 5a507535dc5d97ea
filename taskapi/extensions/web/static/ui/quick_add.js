/** Quick add: one input for title, priority, project, labels and due date.
 *
 * The recognized parts are shown as chips before the task is saved.
 */

import { projects as projectsApi } from "../api/client.js";
import {
  catalog,
  catalogEvents,
  findProject as projectOfId,
  findProjectByName,
  pickProjectColor,
  reloadCatalog,
} from "../data/catalog.js";
import { announceChange } from "../data/change_feed.js";
import * as taskStore from "../data/task_store.js";
import { passesFilters, VIEWS } from "../data/views.js";
import { describeDue } from "../text/dates.js";
import { completeWord, EXAMPLE, findWordAt, parseQuickAdd, PRIORITIES } from "../text/quick_add_parser.js";
import { describeRecurrence } from "../text/rules.js";
import { h, icon, setChildrenIfChanged } from "./dom.js";
import { currentRoute } from "./router.js";
import { addSuggestions } from "./suggestions.js";
import { showError, showToast } from "./toast.js";

const DRAFT_KEY = "taskapi.draft";
const MAX_TITLE_LENGTH = 200;

const input = h("input", {
  class: "composer-input",
  name: "task",
  maxlength: 400,
  dir: "auto",
  autocomplete: "off",
  enterkeyhint: "done",
  placeholder: "Add a task",
  "aria-label": "Add a task",
  "aria-describedby": "composer-says",
  "aria-keyshortcuts": "n",
});
const chips = h("div", { class: "composer-chips", role: "group", "aria-label": "Recognized" });
const summary = h("span", { class: "unseen", id: "composer-says" });
const element = h("form", { class: "composer", on: { submit } }, icon("add"), input, chips, summary);

/** Words that stay in the title because the user removed their chip. */
let keptWords = [];

input.addEventListener("input", draw);
input.addEventListener("focus", () => {
  input.placeholder = EXAMPLE;
});
input.addEventListener("blur", () => {
  input.placeholder = "Add a task";
});
addSuggestions(input, { findNames: findSuggestions, onPick: insertSuggestion });
catalogEvents.addEventListener("change", updateVisibility);

/** Return quick add, with the draft of the last visit. */
export function quickAdd() {
  const draft = input.value ? null : readDraft();
  if (draft) {
    input.value = draft.line;
    keptWords = draft.keptWords;
  }
  draw();
  updateVisibility();
  return element;
}

/** Focus quick add. */
export function focusQuickAdd() {
  input.focus();
}

/** Put a line into quick add and focus it. */
export function fillQuickAdd(line) {
  input.value = line;
  keptWords = [];
  input.focus();
  draw();
}

async function submit(event) {
  event.preventDefault();
  const { project, understood, ...values } = parseQuickAdd(input.value, keptWords);
  if (!values.title) return;
  try {
    if ([...values.title].length > MAX_TITLE_LENGTH)
      throw new Error(`A title must have at most ${MAX_TITLE_LENGTH} characters.`);
    const defaults = VIEWS[currentRoute().view]?.defaults?.(currentRoute().param) ?? {};
    const task = {
      ...withViewDefaults(defaults, values),
      ...(project && { project_id: await findOrCreateProject(project) }),
    };
    taskStore.addTask(task);
    input.value = "";
    keptWords = [];
    draw();
    if (!passesFilters(task, currentRoute())) showToast("Task added. The filters hide it.");
    else if (VIEWS[currentRoute().view]?.matches?.(task) === false) showToast(`Task added. Due: ${describeDue(task)}.`);
  } catch (problem) {
    showError(problem);
  }
}

/** Merge the defaults of the view and the input; a due date or time in the input overrides the view's. */
function withViewDefaults(defaults, values) {
  const { due_date: day, ...others } = defaults;
  const labels = [...new Set([...(defaults.labels ?? []), ...(values.labels ?? [])])];
  return { ...others, ...(day && !values.due_at && { due_date: day }), ...values, ...(labels.length && { labels }) };
}

async function findOrCreateProject(name) {
  const existing = findProjectByName(name);
  if (existing?.archived) throw new Error(`The project “${existing.name}” is archived.`);
  if (existing) return existing.id;
  const created = await projectsApi.create({ name, color: pickProjectColor() });
  await reloadCatalog();
  announceChange();
  return created.id;
}

function draw() {
  const written = input.value.toLowerCase();
  keptWords = keptWords.filter((words) => words.split(" ").every((word) => written.includes(word.toLowerCase())));
  sessionStorage.setItem(DRAFT_KEY, JSON.stringify({ line: input.value, keptWords }));
  const { understood } = parseQuickAdd(input.value, keptWords);
  const shown = understood.map((item) => ({ ...item, text: chipText(item) }));
  setChildrenIfChanged(chips, shown, () => shown.map(chip));
  summary.textContent = shown.map(({ kind, text }) => `${kind} ${text}`).join(", ");
}

/** Hide quick add in an archived project, which accepts no new tasks. */
function updateVisibility() {
  const { view, param } = currentRoute();
  element.hidden = view === "project" && Boolean(projectOfId(param)?.archived);
}

function readDraft() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT_KEY));
  } catch {
    return null; // written by another version
  }
}

function chipText({ kind, value }) {
  if (kind === "due") {
    const repeat = value.recurrence && describeRecurrence(value);
    return [describeDue({ due_date: null, ...value }), repeat].filter(Boolean).join(", ");
  }
  if (kind === "label") return `@${value}`;
  if (kind === "priority") return value;
  return findProjectByName(value)?.name ?? `New project “${value}”`;
}

/** Show a recognized part; its button moves the words back to the title. */
function chip({ kind, words, value, text }) {
  const keepInTitle = () => {
    keptWords = [...keptWords, words];
    input.focus();
    draw();
  };
  const label = `Keep “${words}” in the title`;
  return h(
    "span",
    { class: `chip ${kind}`, data: kind === "priority" ? { priority: value } : {} },
    kind === "priority" && icon("flag"),
    kind === "due" && icon(value.recurrence ? "repeat" : "calendar"),
    h("bdi", {}, text),
    h("button", { type: "button", class: "quiet", "aria-label": label, title: label, on: { click: keepInTitle } }, "×"),
  );
}

function findSuggestions() {
  const word = findWordAt(input.value, input.selectionStart);
  if (!word) return [];
  const names = {
    "!": PRIORITIES.slice(1).reverse(),
    "#": catalog.projects.filter((item) => !item.archived).map((item) => item.name),
    "@": catalog.labels.map((item) => item.name),
  };
  return names[word.sign].filter((name) => name.toLowerCase().startsWith(word.start.toLowerCase())).slice(0, 8);
}

function insertSuggestion(name) {
  const { line, cursor } = completeWord(
    input.value,
    input.selectionStart,
    findWordAt(input.value, input.selectionStart),
    name,
  );
  input.value = line;
  input.setSelectionRange(cursor, cursor);
  draw();
}
