/** What tasks are gathered in: projects, labels and the counts beside them. */

import * as api from "../api/calls.js";

/** Tells `change` when any of it is no longer as it was. */
export const catalog = new EventTarget();

const COLORS = ["#4361d8", "#2f9e62", "#d9822b", "#c2417c", "#2b8a9e", "#7a4fc9", "#8a6d3b", "#b3423a"];
const EMPTY = { projects: [], labels: [], summary: { by_status: {}, overdue: 0, due_today: 0 } };

/** What is known: `projects` and `labels` by name, and the `summary`. */
export const lists = { ...EMPTY };

/** Ask for all of it. */
export async function reload() {
  const [projects, labels, summary] = await Promise.all([all(api.projects), all(api.labels), api.tasks.summary()]);
  Object.assign(lists, { projects, labels, summary });
  catalog.dispatchEvent(new Event("change"));
}

/** Return a project by its id. */
export function project(id) {
  return lists.projects.find((each) => each.id === id);
}

/** Return the project of this name, archived or not. */
export function projectNamed(name) {
  return lists.projects.find((each) => each.name.toLowerCase() === name.toLowerCase());
}

/** Return how many tasks of a project are open. */
export function openCount({ task_counts: counts }) {
  return counts.todo + counts.in_progress;
}

/** Return a colour for the next project, of those that go well together. */
export function nextColor() {
  return COLORS[lists.projects.length % COLORS.length];
}

async function all(collection) {
  const items = [];
  let cursor = null;
  do {
    const page = await collection.list({ limit: 100, cursor });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return items;
}
