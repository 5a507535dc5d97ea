/** The views of one's tasks: each a question to the list, and how its answer is parted under headings. */

import { addDays, dayOf, describeDay, dueDay, fullDay, isOverdue, today } from "../text/days.js";
import { lists, project } from "./catalog.js";

export const OPEN = ["todo", "in_progress"];
const LATEST = "-created_at";

/** `query(of, done)` is the query of the list; `fits` tells which of its tasks belong here; `heading` groups them, with
 * `headings` first; `starts` is what a task that is added here has from the start.
 */
export const VIEWS = {
  inbox: {
    title: () => "Inbox",
    query: (_, done) => ({ ...statuses(done), without: ["project", "parent"], sort: LATEST }),
    empty: "Nothing without a project. What comes to mind goes here.",
  },
  today: {
    title: () => "Today",
    note: () => fullDay(today()),
    query: () => ({ status: OPEN, due_before: addDays(today(), 1), sort: "due,-priority" }),
    fits: (task) => dueDay(task) <= today(),
    heading: (task) => (isOverdue(task) ? "Overdue" : "Today"),
    headings: ["Overdue", "Today"],
    starts: () => ({ due_date: today() }),
    empty: "Nothing more today. Enjoy it.",
  },
  overdue: {
    title: () => "Overdue",
    query: () => ({ status: OPEN, overdue: "true", sort: "due,-priority" }),
    empty: "Nothing is late.",
  },
  upcoming: {
    title: () => "Upcoming",
    query: () => ({ status: OPEN, due_after: addDays(today(), 1), sort: "due,-priority" }),
    fits: (task) => dueDay(task) > today(),
    heading: (task) => describeDay(dueDay(task)),
    starts: () => ({ due_date: addDays(today(), 1) }),
    empty: "Nothing is due in the days to come.",
  },
  all: {
    title: () => "All tasks",
    query: (_, done) => ({ ...statuses(done), without: "parent", sort: LATEST }),
    empty: "No tasks yet. Press n and write the first.",
  },
  completed: {
    title: () => "Completed",
    query: () => ({ status: ["done", "cancelled"], sort: "-completed_at,-updated_at" }),
    heading: (task) => (task.completed_at ? describeDay(dayOf(task.completed_at)) : "Cancelled"),
    empty: "Nothing done yet.",
    closed: true,
  },
  trash: {
    title: () => "Trash",
    note: () => "What lies here is deleted for good after a while.",
    query: () => ({ deleted: "true", sort: "-updated_at" }),
    empty: "The trash is empty.",
    closed: true,
    trash: true,
  },
  project: {
    title: (of) => project(of)?.name ?? "Project",
    note: (of) => project(of)?.description,
    query: (of, done) => ({ ...statuses(done), project_id: of, without: "parent", sort: LATEST }),
    starts: (of) => ({ project_id: of }),
    empty: "Nothing to do in this project.",
  },
  label: {
    title: (of) => `@${of}`,
    query: (of, done) => ({ ...statuses(done), label: of, sort: LATEST }),
    starts: (of) => ({ labels: [of] }),
    empty: "Nothing open has this label.",
  },
  search: {
    title: (of) => (of ? `“${of}”` : "Search"),
    query: (of) => ({ q: of || null, sort: "-updated_at" }),
    empty: "Nothing found.",
    closed: true,
  },
};

/** Tell whether a view can show what is done as well. */
export function hasDone(view) {
  return ["inbox", "all", "project", "label"].includes(view);
}

/** Return the label of this name. */
export function labelNamed(name) {
  return lists.labels.find((each) => each.name.toLowerCase() === name.toLowerCase());
}

function statuses(done) {
  return done ? {} : { status: OPEN };
}
