/** Quick add: a line in which signs give priority, project and label, and the end says when.
 *
 * What is understood is shown as chips before the task is saved.
 */

import { projects as projectsApi } from "../api/calls.js";
import { catalog, lists, nextColor, project as projectOfId, projectNamed, reload } from "../data/catalog.js";
import { announce } from "../data/follow.js";
import * as tasks from "../data/tasks.js";
import { VIEWS } from "../data/views.js";
import { describeDue } from "../text/days.js";
import { finish, HINT, parse, PRIORITIES, wordAt } from "../text/quickadd.js";
import { h, icon, refill } from "./dom.js";
import { place } from "./router.js";
import { suggest } from "./suggest.js";
import { complain, toast } from "./toast.js";

const DRAFT = "taskapi.draft";
const MOST_CHARACTERS = 200;

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
const chips = h("div", { class: "composer-chips", role: "group", "aria-label": "Understood" });
const says = h("span", { class: "unseen", id: "composer-says" });
const element = h("form", { class: "composer", on: { submit } }, icon("add"), input, chips, says);

/** Words that stay in the title, because their chip was removed. */
let kept = [];

input.addEventListener("input", draw);
input.addEventListener("focus", () => {
  input.placeholder = HINT;
});
input.addEventListener("blur", () => {
  input.placeholder = "Add a task";
});
suggest(input, { find: matches, take: complete });
catalog.addEventListener("change", drawOffer);

/** Return quick add, with what was being written when the page was last left. */
export function composer() {
  const draft = input.value ? null : savedDraft();
  if (draft) {
    input.value = draft.line;
    kept = draft.kept;
  }
  draw();
  drawOffer();
  return element;
}

/** Go to quick add. */
export function compose() {
  input.focus();
}

async function submit(event) {
  event.preventDefault();
  const { project, understood, ...values } = parse(input.value, kept);
  if (!values.title) return;
  try {
    if ([...values.title].length > MOST_CHARACTERS)
      throw new Error(`A title has at most ${MOST_CHARACTERS} characters.`);
    const started = VIEWS[place().view]?.starts?.(place().of) ?? {};
    const task = { ...merged(started, values), ...(project && { project_id: await projectOf(project) }) };
    tasks.add(task);
    input.value = "";
    kept = [];
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
  if (known?.archived) throw new Error(`The project “${known.name}” is archived.`);
  if (known) return known.id;
  const made = await projectsApi.create({ name, color: nextColor() });
  await reload();
  announce();
  return made.id;
}

function draw() {
  const written = input.value.toLowerCase();
  kept = kept.filter((words) => words.split(" ").every((word) => written.includes(word.toLowerCase())));
  sessionStorage.setItem(DRAFT, JSON.stringify({ line: input.value, kept }));
  const { understood } = parse(input.value, kept);
  const shown = understood.map((each) => ({ ...each, text: wording(each) }));
  refill(chips, shown, () => shown.map(chip));
  says.textContent = shown.map(({ kind, text }) => `${kind} ${text}`).join(", ");
}

/** An archived project takes no new tasks. */
function drawOffer() {
  const { view, of } = place();
  element.hidden = view === "project" && Boolean(projectOfId(of)?.archived);
}

function savedDraft() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT));
  } catch {
    return null; // written by another release
  }
}

function wording({ kind, value }) {
  if (kind === "due") return describeDue({ due_date: null, ...value });
  if (kind === "label") return `@${value}`;
  if (kind === "priority") return value;
  return projectNamed(value)?.name ?? `New project “${value}”`;
}

/** Show something that was understood; its button leaves the words in the title instead. */
function chip({ kind, words, value, text }) {
  const keep = () => {
    kept = [...kept, words];
    input.focus();
    draw();
  };
  const label = `Keep “${words}” in the title`;
  return h(
    "span",
    { class: `chip ${kind}`, data: kind === "priority" ? { priority: value } : {} },
    kind === "priority" && icon("flag"),
    kind === "due" && icon("calendar"),
    text,
    h("button", { type: "button", class: "quiet", "aria-label": label, title: label, on: { click: keep } }, "×"),
  );
}

function matches() {
  const word = wordAt(input.value, input.selectionStart);
  if (!word) return [];
  const names = {
    "!": PRIORITIES.slice(1).reverse(),
    "#": lists.projects.filter((each) => !each.archived).map((each) => each.name),
    "@": lists.labels.map((each) => each.name),
  };
  return names[word.sign].filter((name) => name.toLowerCase().startsWith(word.start.toLowerCase())).slice(0, 8);
}

function complete(name) {
  const { line, cursor } = finish(input.value, input.selectionStart, wordAt(input.value, input.selectionStart), name);
  input.value = line;
  input.setSelectionRange(cursor, cursor);
  draw();
}
