/** Keyboard shortcuts, active outside of text fields. */

import { deleteSelected, endSelection } from "./bulk_actions.js";
import { canWrite } from "./current_user.js";
import { showHelp } from "./help.js";
import { moveFocusedTask } from "./manual_order.js";
import { focusQuickAdd } from "./quick_add.js";
import { currentRoute, navigate } from "./router.js";
import { isSelecting, selectedIds, toggleSelected } from "./selection.js";
import { focusSearch, leaveSearch } from "./sidebar.js";
import { deleteTask, editTitle, toggleTask } from "./task_actions.js";
import { closeTaskDetail, focusTaskDetail } from "./task_detail.js";
import { findRow, listedTaskIds } from "./task_list.js";
import { undoLast } from "./toast.js";

const MOVE_KEYS = { ArrowUp: -1, ArrowDown: 1 }; // with Alt
const VIEW_KEYS = { i: "inbox", t: "today", u: "upcoming", a: "all", c: "completed" };
const VIEW_KEY_MS = 1200;

const KEY_ACTIONS = {
  j: () => moveFocus(1),
  ArrowDown: () => moveFocus(1),
  k: () => moveFocus(-1),
  ArrowUp: () => moveFocus(-1),
  " ": withFocusedTask((id) => (isSelecting() ? toggleSelected(id) : toggleTask(id))),
  x: withListedTask((id) => toggleSelected(id)),
  X: withListedTask((id) => toggleSelected(id, { range: true })),
  e: withFocusedTask(editFocusedTask),
  F2: withFocusedTask(editFocusedTask),
  Delete: deleteFocused,
  Backspace: deleteFocused,
  n: focusQuickAdd,
  "/": focusSearch,
  "?": showHelp,
  u: undoLast,
  Escape: goBack,
};

let viewKeyPressedAt = -Infinity;

/** Start to handle keyboard shortcuts. */
export function listenToKeys() {
  document.addEventListener("keydown", handleKey);
}

function handleKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (event.altKey) {
    if (MOVE_KEYS[event.key] && moveFocusedTask(MOVE_KEYS[event.key])) event.preventDefault();
    return;
  }
  if (isTextField(event.target) && event.key !== "Escape") return;
  const action = findAction(event);
  if (action && action() !== false) event.preventDefault();
}

function findAction({ key, target, timeStamp }) {
  if (timeStamp - viewKeyPressedAt < VIEW_KEY_MS && VIEW_KEYS[key]) return () => navigate({ view: VIEW_KEYS[key] });
  viewKeyPressedAt = key === "g" ? timeStamp : -Infinity;
  if (key === " " && target.matches("button, summary")) return null; // Space presses the focused button
  return KEY_ACTIONS[key];
}

function isTextField(element) {
  return element.matches("input:not([type=checkbox], [type=radio]), textarea, select");
}

function withFocusedTask(action) {
  return () => {
    const id =
      document.activeElement.closest(".row")?.dataset.id ??
      (document.activeElement.closest(".detail") ? currentRoute().task : null);
    if (!id) return false;
    action(id);
    return true;
  };
}

/** Select only where tasks can be selected: in a list. */
function withListedTask(action) {
  return () => {
    const id = document.activeElement.closest(".row")?.dataset.id;
    if (!id || !canWrite()) return false;
    action(id);
    return true;
  };
}

/** Delete only where the focus is on a task, not on a button or link in the detail pane. */
function deleteFocused() {
  const focused = document.activeElement;
  const id = focused.closest(".row")?.dataset.id ?? (focused.matches(".detail") ? currentRoute().task : null);
  if (!id) return false;
  if (selectedIds().length) deleteSelected();
  else deleteTask(id);
  return true;
}

/** Edit the title where the focus is: in the list or in the detail pane. */
function editFocusedTask(id) {
  if (document.activeElement.closest(".detail")) focusTaskDetail();
  else editTitle(id);
}

function moveFocus(offset) {
  const ids = listedTaskIds();
  const currentIndex = ids.indexOf(document.activeElement.closest(".row")?.dataset.id ?? currentRoute().task);
  const nextId = ids[currentIndex < 0 ? 0 : Math.max(0, Math.min(ids.length - 1, currentIndex + offset))];
  const nextRow = nextId && findRow(nextId);
  if (!nextRow?.isConnected) return false; // a page without a list: the key scrolls it
  nextRow.querySelector(".title").focus();
  return true;
}

function goBack() {
  const focused = document.activeElement;
  if (document.querySelector("#sidebar[data-open]")) document.querySelector("#menu").click();
  else if (isSelecting() && !focused.closest(".detail")) endSelection();
  else if (focused.closest(".detail") || currentRoute().task) closeTaskDetail();
  else if (!leaveSearch()) focused.blur();
}
