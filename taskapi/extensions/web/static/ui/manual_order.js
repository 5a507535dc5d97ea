/** Moves tasks of a list by drag, by keyboard, and by buttons. Each move can be undone. */

import * as taskStore from "../data/task_store.js";
import { canWrite } from "./current_user.js";
import { showDialog } from "./dialog.js";
import { h, icon, setChildren } from "./dom.js";
import { showToast } from "./toast.js";

const lists = new WeakMap(); // {isOrdered, draw} by list element
let drag = null; // {list, item, from, pointerId, hasMoved}

/** The buttons that move a task: where each moves it, from an index of a list that ends with `last`. */
const MOVES = {
  "To the top": () => 0,
  Up: (from) => from - 1,
  Down: (from) => from + 1,
  "To the bottom": (_, last) => last,
};

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

/** Add a handle to an item, or remove it. A drag of the handle moves the item; a press shows buttons that do. */
export function updateHandle(item, isShown) {
  let handle = item.querySelector(".handle");
  if (!isShown) {
    handle?.remove();
    return;
  }
  if (!handle) {
    const title = "Drag to move, or press for buttons (Alt ↑ ↓)";
    const handleClick = ({ detail }) => detail === 0 && showMoves(item); // by key; `endDrag` is for pointers
    const attributes = { type: "button", class: "handle", title, data: { part: "handle" } };
    handle = h("button", { ...attributes, on: { click: handleClick } }, icon("grip"));
    item.append(handle);
  }
  handle.setAttribute("aria-label", `Move “${taskStore.findTask(item.dataset.id)?.title}”`);
}

/** Show the buttons that move an item. The dialog stays open, so that a task can be moved by several places. */
async function showMoves(item) {
  const list = item.parentElement;
  const status = h("p", { role: "status" });
  const buttons = Object.entries(MOVES).map(([words, target]) => {
    const button = h("button", { type: "button", on: { click: () => move(target) } }, words);
    return { button, target };
  });

  function move(target) {
    const { ids, from } = place();
    moveTask(list, item.dataset.id, from, target(from, ids.length - 1));
    lists.get(list).draw();
    update();
  }

  function place() {
    const ids = itemIds(list);
    return { ids, from: ids.indexOf(item.dataset.id) };
  }

  function update() {
    const { ids, from } = place();
    setChildren(status, `Place ${from + 1} of ${ids.length}.`);
    for (const { button, target } of buttons) {
      const to = target(from, ids.length - 1);
      button.setAttribute("aria-disabled", String(to === from || to < 0 || to >= ids.length));
    }
  }

  update();
  const first = buttons.find(({ button }) => button.getAttribute("aria-disabled") === "false");
  first?.button.setAttribute("autofocus", "");
  await showDialog(`Move “${taskStore.findTask(item.dataset.id).title}”`, () => [
    status,
    h(
      "div",
      { class: "buttons moves" },
      buttons.map(({ button }) => button),
    ),
  ]);
  item.querySelector(".handle")?.focus();
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
  drag = { list, item, from: items(list).indexOf(item), pointerId: event.pointerId, hasMoved: false };
  item.toggleAttribute("data-dragged", true);
  document.addEventListener("keydown", cancelByKey, { capture: true });
}

/** Move the item where the pointer is: before the first other item whose middle is below it. */
function moveItem({ clientY, pointerId }) {
  if (pointerId !== drag?.pointerId) return;
  const { list, item } = drag;
  const next = items(list).find((each) => each !== item && middle(each) > clientY) ?? null;
  if (next === item.nextElementSibling) return;
  drag.hasMoved = true;
  list.insertBefore(item, next);
  item.scrollIntoView({ block: "nearest" });
}

function middle(element) {
  const { top, height } = element.getBoundingClientRect();
  return top + height / 2;
}

function endDrag({ pointerId }) {
  if (pointerId !== drag?.pointerId) return;
  const { list, item, from, hasMoved } = drag;
  const to = items(list).indexOf(item);
  stopDrag();
  if (!hasMoved) {
    showMoves(item);
    return;
  }
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
