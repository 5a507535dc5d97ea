/** Keys, wherever one is not writing. */

import { deleteTask, editTitle, toggleTask } from "./acts.js";
import { compose } from "./composer.js";
import { closeDetail, focusDetail } from "./detail.js";
import { showHelp } from "./help.js";
import { listedIds, rowOf } from "./list.js";
import { go, place } from "./router.js";
import { focusSearch, leaveSearch } from "./sidebar.js";
import { undoLast } from "./toast.js";

const PLACES = { i: "inbox", t: "today", u: "upcoming", a: "all", c: "completed" };
const GO_MS = 1200;

const ACTS = {
  j: () => step(1),
  ArrowDown: () => step(1),
  k: () => step(-1),
  ArrowUp: () => step(-1),
  " ": withTask(toggleTask),
  x: withTask(toggleTask),
  e: withTask(edit),
  F2: withTask(edit),
  Delete: withTask(deleteTask),
  Backspace: withTask(deleteTask),
  n: compose,
  "/": focusSearch,
  "?": showHelp,
  u: undoLast,
  Escape: leave,
};

let going = -Infinity;

/** Listen to keys from now on. */
export function listen() {
  document.addEventListener("keydown", press);
}

function press(event) {
  if (
    event.defaultPrevented ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    document.querySelector("dialog[open]")
  )
    return;
  if (isWriting(event.target) && event.key !== "Escape") return;
  const act = keyAct(event);
  if (act && act() !== false) event.preventDefault();
}

function keyAct({ key, target, timeStamp }) {
  if (timeStamp - going < GO_MS && PLACES[key]) return () => go({ view: PLACES[key] });
  going = key === "g" ? timeStamp : -Infinity;
  if (key === " " && target.matches("button, summary")) return null; // it presses what has the focus
  return ACTS[key];
}

function isWriting(element) {
  return element.matches("input:not([type=checkbox], [type=radio]), textarea, select");
}

function withTask(act) {
  return () => {
    const id =
      document.activeElement.closest(".row")?.dataset.id ??
      (document.activeElement.closest(".detail") ? place().task : null);
    if (!id) return false;
    act(id);
    return true;
  };
}

/** A title is edited where one is: in the list, or in the pane. */
function edit(id) {
  if (document.activeElement.closest(".detail")) focusDetail();
  else editTitle(id);
}

function step(by) {
  const ids = listedIds();
  const here = ids.indexOf(document.activeElement.closest(".row")?.dataset.id ?? place().task);
  const next = ids[here < 0 ? 0 : Math.max(0, Math.min(ids.length - 1, here + by))];
  if (!next) return false;
  rowOf(next).querySelector(".title").focus();
  return true;
}

function leave() {
  const from = document.activeElement;
  if (document.querySelector("#sidebar[data-open]")) document.querySelector("#menu").click();
  else if (from.closest(".detail") || place().task) closeDetail();
  else if (!leaveSearch()) from.blur();
}
