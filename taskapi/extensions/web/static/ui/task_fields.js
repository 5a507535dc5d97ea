/** The form fields of the open task. */

import { tasks as api } from "../api/client.js";
import { hasRoute } from "../api/server.js";
import { catalog } from "../data/catalog.js";
import { OPEN_STATUSES } from "../data/views.js";
import { dueDay, instantOf, timeOf } from "../text/dates.js";
import { PRIORITIES } from "../text/quick_add_parser.js";
import { describeReminder } from "../text/reminders.js";
import { describeRecurrence } from "../text/rules.js";
import { h, setChildren, setChildrenIfChanged } from "./dom.js";
import { labelsField } from "./labels_field.js";
import { withLinks } from "./linked_text.js";
import { recurrenceField } from "./recurrence_field.js";
import { remindersField } from "./reminders_field.js";

/** The statuses of a task, by their names in the API. */
export const STATUSES = { todo: "To do", in_progress: "In progress", done: "Done", cancelled: "Cancelled" };

/** Return the fields, each `{label, element, read(), write(task)}`; `read` returns values of the API by name. */
export function taskFields() {
  return [
    titleField(),
    descriptionField(),
    statusField(),
    priorityField(),
    dueField(),
    recurrenceField(),
    ...(hasRoute("/reminders") ? [remindersField()] : []),
    projectField(),
    parentField(),
    labelsField(),
  ];
}

/** Return the value of a field as text. */
export function describeField(task, field) {
  const findName = (rows, id) => rows.find((row) => row.id === id)?.name ?? "unknown";
  const words = {
    title: () => task.title,
    description: () => task.description,
    status: () => STATUSES[task.status],
    priority: () => task.priority,
    due: () => [dueDay(task), task.due_at && timeOf(task.due_at)].filter(Boolean).join(" "),
    recurrence: () => task.recurrence && describeRecurrence(task),
    reminders: () => task.reminders.map((each) => describeReminder(each, task)).join(", "),
    project: () => task.project_id && findName(catalog.projects, task.project_id),
    parent: () => task.parent_id && "another task",
    labels: () => task.labels.join(", "),
  };
  return words[field]() || "none";
}

function titleField() {
  const element = h("textarea", {
    name: "title",
    rows: 1,
    maxlength: 200,
    class: "title-field",
    dir: "auto",
    "aria-label": "Title",
  });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    element.blur();
  });
  const read = () => (element.value.trim() ? { title: element.value.replace(/\s*\n\s*/gu, " ").trim() } : {});
  return {
    element,
    read,
    write: (task) => {
      const isTyping = document.activeElement === element && read().title === task.title;
      if (!isTyping) element.value = task.title; // else it would lose a space at its end
    },
  };
}

function descriptionField() {
  const element = h("textarea", {
    name: "description",
    rows: 3,
    maxlength: 20_000,
    placeholder: "Add a description",
    dir: "auto",
    "aria-label": "Description",
  });
  const links = withLinks(element, "Links");
  return {
    element: links.element,
    read: () => ({ description: element.value }),
    write: (task) => {
      element.value = task.description;
      links.update();
    },
  };
}

function statusField() {
  return selectField("Status", "status", () => Object.entries(STATUSES));
}

function priorityField() {
  return selectField("Priority", "priority", () =>
    PRIORITIES.map((each) => [each, each[0].toUpperCase() + each.slice(1)]),
  );
}

/** The active projects and the current one. A subtask that moves to another project leaves its parent. */
function projectField() {
  let shown = null;
  const isOffered = ({ id, archived }) => !archived || id === shown.project_id;
  const rows = () => catalog.projects.filter(isOffered).map((each) => [each.id, each.name]);
  const isListed = () => catalog.projects.some(({ id }) => id === shown.project_id);
  const current = () => (shown.project_id && !isListed() ? [[shown.project_id, "Current project"]] : []);
  const field = selectField("Project", "project_id", () => [["", "None"], ...current(), ...rows()]);
  const read = () => {
    const { project_id: chosen } = field.read();
    return { project_id: chosen, ...(shown && chosen !== shown.project_id && { parent_id: null }) };
  };
  const write = (task) => {
    shown = task;
    field.write(task);
  };
  return { ...field, read, write };
}

function selectField(label, name, options) {
  const element = h("select", { name, id: `detail-${name}` });
  const write = (task) => {
    setChildrenIfChanged(element, options(), () => options().map(optionOf));
    element.value = task[name] ?? "";
  };
  return { label, element, read: () => ({ [name]: element.value || null }), write };
}

function optionOf([value, words]) {
  return h("option", { value, dir: "auto" }, words);
}

/** The parent task. The possible parents, open tasks of the same project, are loaded when the field gets the focus. */
function parentField() {
  const element = h("select", { name: "parent_id", id: "detail-parent_id" });
  const titles = new Map();
  let task = null;
  let candidates = [];
  const draw = (selected) => {
    const ids = [...new Set([selected, ...candidates])].filter((id) => id && id !== task.id);
    const options = [["", "None"], ...ids.map((id) => [id, titles.get(id)])];
    setChildrenIfChanged(element, options, () => options.map(optionOf));
    element.value = selected;
  };
  const addTitles = (rows) => {
    for (const row of rows) titles.set(row.id, row.title);
    draw(element.value); // the user may have selected another parent meanwhile
  };
  const loadCandidates = async () => {
    const { project_id: project } = task;
    const inProject = project ? { project_id: project, without: "parent" } : { without: ["project", "parent"] };
    const { items } = await api.list({ status: OPEN_STATUSES, ...inProject, limit: 100, sort: "title" });
    if (project === task.project_id) candidates = items.map((row) => row.id);
    addTitles(items);
  };
  element.addEventListener("focus", () => loadCandidates().catch(() => {}));
  const write = (newTask) => {
    const { parent_id: parent, project_id: project } = newTask;
    if (task?.project_id !== project) candidates = [];
    task = newTask;
    if (parent && !titles.has(parent)) {
      titles.set(parent, "Current parent");
      api.show(parent).then(
        (row) => addTitles([row]),
        () => {},
      );
    }
    draw(parent ?? "");
  };
  return { label: "Parent task", element, read: () => ({ parent_id: element.value || null }), write };
}

/** A day and an optional time. Without a time the task is due on the whole day. */
function dueField() {
  const day = h("input", { type: "date", name: "due_day", id: "detail-due", min: "1970-01-01", max: "9999-12-31" });
  const time = h("input", { type: "time", name: "due_time", "aria-label": "Due time" });
  const clear = h(
    "button",
    { type: "button", class: "quiet", "aria-label": "Clear due date", title: "Clear due date" },
    "×",
  );
  const element = h("div", { class: "due-field", data: { labelled: day.id } }, day, time, clear);
  clear.addEventListener("click", () => {
    day.value = time.value = "";
    day.focus();
    day.dispatchEvent(new Event("change", { bubbles: true }));
  });
  const read = () => {
    if (!day.validity.valid || !time.validity.valid) return {}; // half-typed: its value is empty, or a year such as 2
    return {
      due_date: day.value && !time.value ? day.value : null,
      due_at: day.value && time.value ? instantOf(day.value, time.value) : null,
    };
  };
  const write = (task) => {
    day.value = dueDay(task) ?? "";
    time.value = task.due_at ? timeOf(task.due_at) : "";
    time.disabled = !day.value;
    clear.hidden = !day.value;
  };
  return { label: "Due", element, read, write };
}
