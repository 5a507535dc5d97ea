/** The header of a list: title, note, and actions on the project or label. */

import { catalogEvents, findProject } from "../data/catalog.js";
import { announceChange } from "../data/change_feed.js";
import { describeTrash, emptyTrash } from "../data/trash.js";
import { canShowDone, chosenOptions, findLabelByName, VIEWS } from "../data/views.js";
import { canWrite } from "./current_user.js";
import { confirm } from "./dialog.js";
import { h, icon, setChildrenIfChanged } from "./dom.js";
import { canExportProject, exportProject } from "./export_files.js";
import { actionButton } from "./form.js";
import { linkedText } from "./linked_text.js";
import { controlsButton } from "./list_controls.js";
import { deleteProjectOrLabel, editLabel, editProject } from "./project_label_forms.js";
import { currentRoute, updateRoute } from "./router.js";
import { isSelecting, selectionEvents, startSelecting, stopSelecting } from "./selection.js";
import { showError, showToast } from "./toast.js";

const element = h("header", { class: "heading" });
catalogEvents.addEventListener("change", draw);
selectionEvents.addEventListener("change", draw);

/** Return the header of the current list. */
export function listHeader() {
  draw();
  return element;
}

function draw() {
  const { view, param, done } = currentRoute();
  const definition = VIEWS[view];
  if (!definition) return;
  const note = definition.note?.(param);
  const title = definition.title(param);
  document.title = `${title} · Tasks`;
  const collection = view === "project" ? findProject(param) : view === "label" ? findLabelByName(param) : null;
  const focusedLabel = element.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
  const options = chosenOptions(currentRoute());
  setChildrenIfChanged(element, [view, title, note, done, options, isSelecting(), collection?.version], () => [
    h(
      "div",
      {},
      h("h1", { tabindex: "-1", dir: "auto" }, title),
      note && h("p", { class: "note", dir: "auto" }, linkedText(note)),
    ),
    h(
      "div",
      { class: "actions" },
      controlsButton(),
      canWrite() && selectButton(),
      canShowDone(view) && showCompletedButton(done),
      view === "project" && collection && canExportProject() && exportButton(collection),
      canWrite() && collection && editButtons(view, collection),
      canWrite() && definition.isTrash && emptyTrashButton(),
    ),
  ]);
  if (focusedLabel === null && !element.contains(document.activeElement)) element.querySelector("h1").focus();
  else if (focusedLabel) element.querySelector(`[aria-label="${focusedLabel}"]`)?.focus();
}

function showCompletedButton(done) {
  return h(
    "button",
    {
      class: "toggle",
      "aria-pressed": String(done),
      "aria-label": "Show completed",
      title: "Show completed",
      on: { click: () => updateRoute({ done: !done }, { replace: true }) },
    },
    icon("done"),
    h("span", {}, "Completed"),
  );
}

function selectButton() {
  return h(
    "button",
    {
      class: "toggle",
      "aria-pressed": String(isSelecting()),
      "aria-label": "Select tasks",
      title: "Select tasks (x)",
      on: { click: () => (isSelecting() ? stopSelecting() : startSelecting()) },
    },
    icon("select"),
    h("span", {}, "Select"),
  );
}

function emptyTrashButton() {
  return actionButton({}, confirmEmptyTrash, showError, icon("trash"), "Empty trash");
}

async function confirmEmptyTrash() {
  const contents = await describeTrash();
  const isConfirmed = await confirm(
    "Empty the trash?",
    `${contents} are deleted permanently. You cannot undo this.`,
    { action: "Empty trash" },
  );
  if (!isConfirmed) return;
  await emptyTrash().finally(announceChange);
  showToast("The trash is empty.");
}

function exportButton(project) {
  return iconButton("download", "Export project", () => exportProject(project));
}

function editButtons(view, collection) {
  const edit = () => (view === "project" ? editProject(collection) : editLabel(collection));
  return [
    iconButton("edit", `Edit ${view}`, edit),
    iconButton("trash", `Delete ${view}`, () => deleteProjectOrLabel(view, collection)),
  ];
}

function iconButton(iconName, label, onClick) {
  return h("button", { class: "quiet", "aria-label": label, title: label, on: { click: onClick } }, icon(iconName));
}
