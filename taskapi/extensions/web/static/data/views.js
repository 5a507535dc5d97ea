/** The views of the task list: the query of each, its grouping, and its texts. */

import { server } from "../api/server.js";
import { addDays, countDays, dayOf, describeDay, dueDay, fullDay, isOverdue, today } from "../text/dates.js";
import { PRIORITIES } from "../text/quick_add_parser.js";
import { catalog, findProject } from "./catalog.js";

export const OPEN_STATUSES = ["todo", "in_progress"];
const CLOSED_STATUSES = ["done", "cancelled"];
const NEWEST_FIRST = "-created_at";

/** The orders of a list: the key, its usual direction, and the key that orders tasks which are equal in it. */
export const SORTS = {
  due: { usual: "due", second: "-priority" },
  priority: { usual: "-priority", second: "due" },
  created_at: { usual: "-created_at" },
  title: { usual: "title" },
  completed_at: { usual: "-completed_at" },
  position: { usual: "position" },
};

/** The views whose tasks have one manual order: those of a project, or without one, and without a parent. */
const MANUAL_VIEWS = ["inbox", "project"];

/** `query(param, done)` returns the query of the list. `statuses` are those that its tasks can have. `matches` tests a
 * task against the view. `groupOf` returns the heading of a task; the headings in `groups` come first. `defaults`
 * returns the initial values of a new task.
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
    statuses: OPEN_STATUSES,
    query: () => ({ status: OPEN_STATUSES, due_before: addDays(today(), 1), sort: "due,-priority" }),
    matches: (task) => dueDay(task) <= today(),
    groupOf: (task) => (isOverdue(task) ? "Overdue" : "Today"),
    groups: ["Overdue", "Today"],
    defaults: () => ({ due_date: today() }),
    empty: "No more tasks for today.",
  },
  overdue: {
    title: () => "Overdue",
    statuses: OPEN_STATUSES,
    query: () => ({ status: OPEN_STATUSES, overdue: "true", sort: "due,-priority" }),
    empty: "No overdue tasks.",
  },
  upcoming: {
    title: () => "Upcoming",
    statuses: OPEN_STATUSES,
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
    statuses: CLOSED_STATUSES,
    query: () => ({ status: CLOSED_STATUSES, sort: "-completed_at,-updated_at" }),
    groupOf: (task) => (task.completed_at ? describeDay(dayOf(task.completed_at)) : "Cancelled"),
    empty: "No completed tasks yet.",
    hidesQuickAdd: true,
  },
  trash: {
    title: () => "Trash",
    note: () => `Deleted permanently after ${countDays(server.trash_days)}.`,
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

/** Return the statuses that the tasks of a view can have. */
export function viewStatuses(view) {
  return VIEWS[view].statuses ?? [...OPEN_STATUSES, ...CLOSED_STATUSES];
}

/** Return the keys by which a view can be sorted. */
export function viewSorts(view) {
  return Object.keys(SORTS).filter(
    (key) =>
      (key !== "completed_at" || viewStatuses(view).includes("done")) &&
      (key !== "position" || MANUAL_VIEWS.includes(view)),
  );
}

/** Whether a route shows its tasks in their manual order. */
export function isInManualOrder(route) {
  return chosenOptions(route).sort === "position";
}

/** Return the sort order and the filters that a route adds to its view, without values that the API does not know. */
export function chosenOptions({ view, sort, status, priority, label }) {
  return {
    sort: sort !== "-position" && viewSorts(view).includes(sort?.replace(/^-/u, "")) ? sort : null,
    status: status.filter((each) => viewStatuses(view).includes(each)),
    priority: priority.filter((each) => PRIORITIES.includes(each)),
    label: label || null,
  };
}

/** Return the number of filters of a route. */
export function countFilters(route) {
  const { status, priority, label } = chosenOptions(route);
  return status.length + priority.length + (label ? 1 : 0);
}

/** Return the query of a list: that of its view, with the sort order and the filters of the route. */
export function listQuery(route) {
  const query = VIEWS[route.view].query(route.param, route.done);
  const { sort, status, priority, label } = chosenOptions(route);
  return {
    ...query,
    ...(sort && { sort: [sort, SORTS[sort.replace(/^-/u, "")].second].filter(Boolean).join(",") }),
    ...(status.length && { status }),
    ...(priority.length && { priority }),

    ...(label && { label: [query.label ?? [], label].flat() }),
  };
}

/** Whether a task passes the filters of a route. */
export function passesFilters(task, route) {
  const { status, priority, label } = chosenOptions(route);
  return (
    (!status.length || status.includes(task.status ?? "todo")) &&
    (!priority.length || priority.includes(task.priority ?? "none")) &&
    (!label || (task.labels ?? []).some((name) => name.toLowerCase() === label.toLowerCase()))
  );
}

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
