/** Moves tasks of a list by drag and by keyboard. Each move can be undone. */

import * as taskStore from "../data/task_store.js";
import { canWrite } from "./current_user.js";
import { h, icon } from "./dom.js";
import { showToast } from "./toast.js";

const lists = new WeakMap(); // {isOrdered, draw} by list element
let drag = null; // {list, item, from, pointerId}

/** Let the user move the items of a list, which have the ids of their tasks in `data-id`, while `isOrdered()`.
 *
 * `draw` draws the list. It must not change the order of the items while `isDragging()`.
 */
export function allowMoves(list, { isOrdered, draw }) {
  lists.set(list, { isOrdered, draw });
  list.addEventListener("pointerdown", startDrag);
  list.addEventListener("pointermove", moveItem);
  list.addEventListener("pointerup", endDrag);
  list.addEventListener("pointercancel", cancelDrag);
}

/** Whether the user drags a task. */
export function isDragging() {
  return drag !== null;
}

/** Add a handle to an item, by which it can be dragged, or remove it. */
export function updateHandle(item, isShown) {
  const handle = item.querySelector(".handle");
  if (!isShown) handle?.remove();
  else if (!handle) item.append(h("span", { class: "handle", title: "Drag to move (Alt ↑ ↓)" }, icon("grip")));
}

/** Move the focused task up or down by one place. Returns whether there is one in a list that has a manual order. */
export function moveFocusedTask(offset) {
  const item = document.activeElement.closest("[data-id]:is(li)");
  const list = item?.parentElement;
  if (!lists.get(list)?.isOrdered() || !canWrite()) return false;
  const from = itemIds(list).indexOf(item.dataset.id);
  moveTask(list, item.dataset.id, from, from + offset);
  lists.get(list).draw(); // now, for the next press of the key
  return true;
}

function moveTask(list, id, from, to) {
  const others = itemIds(list).filter((each) => each !== id);
  if (to === from || to < 0 || to > others.length) return;
  const task = taskStore.findTask(id);
  taskStore.moveTask(id, placeAt(others, to));
  showToast(`Moved “${task.title}” to place ${to + 1} of ${others.length + 1}.`, {
    undo: () => taskStore.moveTask(id, { ...placeAt(others, from), position: task.position }),
  });
}

/** Return the place at an index among other tasks: the task beside it, and the positions around it. */
function placeAt(others, index) {
  const [above, below] = [others[index - 1], others[index]];
  return {
    beside: above ? { after: above } : { before: below },
    low: taskStore.findTask(above)?.position,
    high: taskStore.findTask(below)?.position,
  };
}

function itemIds(list) {
  return items(list).map((item) => item.dataset.id);
}

function items(list) {
  return [...list.children].filter((item) => item.dataset.id);
}

function startDrag(event) {
  const list = event.currentTarget;
  const item = event.target.closest(".handle")?.parentElement;
  if (!item || event.button !== 0 || drag) return;
  event.preventDefault(); // selects no text
  list.setPointerCapture(event.pointerId);
  drag = { list, item, from: items(list).indexOf(item), pointerId: event.pointerId };
  item.toggleAttribute("data-dragged", true);
  document.addEventListener("keydown", cancelByKey, { capture: true });
}

/** Move the item where the pointer is: before the first other item whose middle is below it. */
function moveItem({ clientY, pointerId }) {
  if (pointerId !== drag?.pointerId) return;
  const { list, item } = drag;
  const next = items(list).find((each) => each !== item && middle(each) > clientY) ?? null;
  if (next === item.nextElementSibling) return;
  list.insertBefore(item, next);
  item.scrollIntoView({ block: "nearest" });
}

function middle(element) {
  const { top, height } = element.getBoundingClientRect();
  return top + height / 2;
}

function endDrag({ pointerId }) {
  if (pointerId !== drag?.pointerId) return;
  const { list, item, from } = drag;
  const to = items(list).indexOf(item);
  stopDrag();
  moveTask(list, item.dataset.id, from, to);
  lists.get(list).draw();
}

function cancelDrag({ pointerId }) {
  if (pointerId !== drag?.pointerId) return;
  const { list } = drag;
  stopDrag();
  lists.get(list).draw();
}

function cancelByKey(event) {
  if (event.key !== "Escape") return;
  event.stopPropagation();
  cancelDrag(drag);
}

function stopDrag() {
  drag.item.removeAttribute("data-dragged");
  document.removeEventListener("keydown", cancelByKey, { capture: true });
  drag = null;
}
