/** The views of the task list: the query of each, its grouping, and its texts. */

import { addDays, dayOf, describeDay, dueDay, fullDay, isOverdue, today } from "../text/dates.js";
import { catalog, findProject } from "./catalog.js";

export const OPEN_STATUSES = ["todo", "in_progress"];
const NEWEST_FIRST = "-created_at";

/** `query(param, done)` returns the filters of the list. `matches` tests a task against the view. `groupOf` returns the
 * heading of a task; the headings in `groups` come first. `defaults` returns the initial values of a new task.
 */
export const VIEWS = {
  inbox: {
    title: () => "Inbox",
    query: (_, done) => ({ ...statusFilter(done), without: ["project", "parent"], sort: NEWEST_FIRST }),
    empty: "No tasks without a project. Add one above.",
  },
  today: {
    title: () => "Today",
    note: () => fullDay(today()),
    query: () => ({ status: OPEN_STATUSES, due_before: addDays(today(), 1), sort: "due,-priority" }),
    matches: (task) => dueDay(task) <= today(),
    groupOf: (task) => (isOverdue(task) ? "Overdue" : "Today"),
    groups: ["Overdue", "Today"],
    defaults: () => ({ due_date: today() }),
    empty: "No more tasks for today.",
  },
  overdue: {
    title: () => "Overdue",
    query: () => ({ status: OPEN_STATUSES, overdue: "true", sort: "due,-priority" }),
    empty: "No overdue tasks.",
  },
  upcoming: {
    title: () => "Upcoming",
    query: () => ({ status: OPEN_STATUSES, due_after: addDays(today(), 1), sort: "due,-priority" }),
    matches: (task) => dueDay(task) > today(),
    groupOf: (task) => describeDay(dueDay(task)),
    defaults: () => ({ due_date: addDays(today(), 1) }),
    empty: "No upcoming tasks.",
  },
  all: {
    title: () => "All tasks",
    query: (_, done) => ({ ...statusFilter(done), without: "parent", sort: NEWEST_FIRST }),
    empty: "No tasks yet. Press n to add one.",
  },
  completed: {
    title: () => "Completed",
    query: () => ({ status: ["done", "cancelled"], sort: "-completed_at,-updated_at" }),
    groupOf: (task) => (task.completed_at ? describeDay(dayOf(task.completed_at)) : "Cancelled"),
    empty: "No completed tasks yet.",
    hidesQuickAdd: true,
  },
  trash: {
    title: () => "Trash",
    note: () => "Tasks in the trash are deleted permanently after a while.",
    query: () => ({ deleted: "true", sort: "-updated_at" }),
    empty: "The trash is empty.",
    hidesQuickAdd: true,
    isTrash: true,
  },
  project: {
    title: (param) => findProject(param)?.name ?? "Project",
    note: (param) => findProject(param)?.description,
    query: (param, done) => ({ ...statusFilter(done), project_id: param, without: "parent", sort: NEWEST_FIRST }),
    defaults: (param) => ({ project_id: param }),
    empty: "No open tasks in this project.",
  },
  label: {
    title: (param) => `@${param}`,
    query: (param, done) => ({ ...statusFilter(done), label: param, sort: NEWEST_FIRST }),
    defaults: (param) => ({ labels: [param] }),
    empty: "No open tasks with this label.",
  },
  search: {
    title: (param) => (param ? `“${param}”` : "Search"),
    query: (param) => ({ q: param || null, sort: "-updated_at" }),
    empty: "No tasks found.",
    hidesQuickAdd: true,
  },
};

/** Whether a view can include completed tasks. */
export function canShowDone(view) {
  return ["inbox", "all", "project", "label"].includes(view);
}

/** Return the label with this name. */
export function findLabelByName(name) {
  return catalog.labels.find((each) => each.name.toLowerCase() === name.toLowerCase());
}

function statusFilter(done) {
  return done ? {} : { status: OPEN_STATUSES };
}
