/** Projects, labels, and the task counts of the sidebar. */

import * as api from "../api/client.js";

/** Event: `change` after a reload. */
export const catalogEvents = new EventTarget();

const COLORS = ["#4361d8", "#2f9e62", "#d9822b", "#c2417c", "#2b8a9e", "#7a4fc9", "#8a6d3b", "#b3423a"];
const EMPTY = { projects: [], labels: [], summary: { by_status: {}, overdue: 0, due_today: 0 } };

/** The loaded `projects` and `labels`, sorted by name, and the `summary` of task counts. */
export const catalog = { ...EMPTY };

/** Load everything. */
export async function reloadCatalog() {
  const [projects, labels, summary] = await Promise.all([
    fetchAll(api.projects),
    fetchAll(api.labels),
    api.tasks.summary(),
  ]);
  Object.assign(catalog, { projects, labels, summary });
  catalogEvents.dispatchEvent(new Event("change"));
}

/** Return the project with this id. */
export function findProject(id) {
  return catalog.projects.find((each) => each.id === id);
}

/** Return the project with this name, archived or not. */
export function findProjectByName(name) {
  return catalog.projects.find((each) => each.name.toLowerCase() === name.toLowerCase());
}

/** Return the number of open tasks of a project. */
export function countOpenTasks({ task_counts: counts }) {
  return counts.todo + counts.in_progress;
}

/** Return a colour for a new project. */
export function pickProjectColor() {
  return COLORS[catalog.projects.length % COLORS.length];
}

async function fetchAll(collection) {
  const items = [];
  let cursor = null;
  do {
    const page = await collection.list({ limit: 100, cursor });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return items;
}
