/** The selected tasks of the list. While tasks are selected, each row has a checkbox in place of the round one. */

import { taskEvents } from "../data/task_store.js";
import { currentRoute, routerEvents } from "./router.js";

/** Event: `change` when the selection changes, begins or ends. */
export const selectionEvents = new EventTarget();

const selected = new Set();
let isActive = false;
let anchor = null; // where a range begins
let listKey = "";

/** Start to end the selection when another list is shown. */
export function listenToSelection() {
  listKey = currentListKey();
  routerEvents.addEventListener("change", endOnOtherList);
  taskEvents.addEventListener("renamed", ({ detail: { from, to } }) => {
    if (selected.delete(from)) selected.add(to);
    if (anchor === from) anchor = to;
  });
}

/** Whether the user selects tasks. */
export function isSelecting() {
  return isActive;
}

/** Whether a task is selected. */
export function isSelected(id) {
  return selected.has(id);
}

/** Return the ids of the selected tasks that are listed, in order. */
export function selectedIds() {
  return listedTaskIds().filter(isSelected);
}

/** Begin to select. */
export function startSelecting() {
  isActive = true;
  emit();
}

/** End the selection. */
export function stopSelecting() {
  isActive = false;
  anchor = null;
  selected.clear();
  emit();
}

/** Select a task or remove it from the selection; with `range`, select all from the last one up to it. */
export function toggleSelected(id, { range = false } = {}) {
  const ids = listedTaskIds();
  const [from, to] = [ids.indexOf(anchor), ids.indexOf(id)].sort((one, other) => one - other);
  if (range && from >= 0) for (const each of ids.slice(from, to + 1)) selected.add(each);
  else if (!selected.delete(id)) selected.add(id);
  anchor = id;
  isActive = true;
  emit();
}

/** Select all listed tasks. */
export function selectAll() {
  for (const id of listedTaskIds()) selected.add(id);
  emit();
}

function listedTaskIds() {
  return [...document.querySelectorAll(".rows .row")].map((row) => row.dataset.id);
}

function endOnOtherList() {
  if (currentListKey() === listKey) return;
  listKey = currentListKey();
  if (isActive) stopSelecting();
}

function currentListKey() {
  return JSON.stringify({ ...currentRoute(), task: null });
}

function emit() {
  selectionEvents.dispatchEvent(new Event("change"));
}
