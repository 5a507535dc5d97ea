/** How many subtasks of each listed task are done. */

import { tasks as api } from "../api/client.js";

const MAX_IDS = 100; // of a request

let counts = new Map();

/** Load the counts of these tasks. */
export async function loadSubtaskCounts(ids) {
  const chunks = Array.from({ length: Math.ceil(ids.length / MAX_IDS) }, (_, index) =>
    ids.slice(index * MAX_IDS, (index + 1) * MAX_IDS),
  );
  const pages = await Promise.all(chunks.map(api.subtaskCounts));
  counts = new Map(pages.flat().map(({ task_id: id, done, total }) => [id, { done, total }]));
}

/** Return `{done, total}` of a task; undefined if it has no subtasks or they are not loaded. */
export function subtaskCounts(id) {
  return counts.get(id);
}
