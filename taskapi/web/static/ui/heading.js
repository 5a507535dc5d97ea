/** The head of a list: its name, a note, and what can be done with the whole. */

import { catalog, project } from "../data/catalog.js";
import { hasDone, labelNamed, VIEWS } from "../data/views.js";
import { h, icon, refill } from "./dom.js";
import { editLabel, editProject, removeGathering } from "./gathering.js";
import { place, turn } from "./router.js";
import { canWrite } from "./standing.js";

const element = h("header", { class: "heading" });
catalog.addEventListener("change", draw);

/** Return the head of the list. */
export function heading() {
  draw();
  return element;
}

function draw() {
  const { view, of, done } = place();
  const shown = VIEWS[view];
  if (!shown) return;
  const note = shown.note?.(of);
  const title = shown.title(of);
  document.title = `${title} · Tasks`;
  const found = view === "project" ? project(of) : view === "label" ? labelNamed(of) : null;
  const focused = element.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
  refill(element, [view, title, note, done, found?.version], () => [
    h("div", {}, h("h1", { tabindex: "-1" }, title), note && h("p", { class: "note" }, note)),
    h("div", { class: "actions" }, hasDone(view) && doneSwitch(done), canWrite() && found && ownActions(view, found)),
  ]);
  if (focused === null) element.querySelector("h1").focus();
  else if (focused) element.querySelector(`[aria-label="${focused}"]`)?.focus();
}

function doneSwitch(done) {
  return h(
    "button",
    {
      class: "toggle",
      "aria-pressed": String(done),
      "aria-label": "Show completed",
      title: "Show completed",
      on: { click: () => turn({ done: !done }, { replace: true }) },
    },
    icon("done"),
    h("span", {}, "Completed"),
  );
}

function ownActions(view, found) {
  const edit = () => (view === "project" ? editProject(found) : editLabel(found));
  return [action("edit", `Edit ${view}`, edit), action("trash", `Delete ${view}`, () => removeGathering(view, found))];
}

function action(picture, label, click) {
  return h("button", { class: "quiet", "aria-label": label, title: label, on: { click } }, icon(picture));
}
