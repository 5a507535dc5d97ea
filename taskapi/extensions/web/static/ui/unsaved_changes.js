/** Changes that are not saved: conflicts with other edits, and changes that the server rejected. */

import * as outbox from "../data/outbox.js";
import * as taskStore from "../data/task_store.js";
import { showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { describeField } from "./task_fields.js";

const OPERATION_NAMES = { create: "Add", update: "Change", move: "Move", remove: "Delete", restore: "Restore" };

/** Return the notice for a task with a rejected change, or null. */
export function unsavedNotice(task) {
  if (!task.failure) return null;
  return h(
    "div",
    { class: "notice", role: "alert" },
    h("p", {}, task.failure.fields ? "This task was also changed elsewhere." : task.failure.detail),
    h("button", { class: "primary", on: { click: () => openOperation(task.id) } }, "Review"),
  );
}

/** Show all changes that wait or were rejected. */
export function showUnsavedChanges() {
  return showDialog("Unsaved changes", (close) => {
    const operations = outbox.pendingOperations();
    if (!operations.length) return h("p", {}, "All changes are saved.");
    return [
      h("p", {}, "These changes are stored on this device. They are sent automatically."),
      h(
        "ul",
        { class: "operations" },
        operations.map((operation) => operationEntry(operation, close)),
      ),
    ];
  });
}

function operationEntry(operation, close) {
  const task = taskStore.findTask(operation.id);
  return h(
    "li",
    {},
    h(
      "div",
      {},
      h("strong", {}, `${OPERATION_NAMES[operation.kind]} “${task?.title ?? "a task"}”`),
      h("p", { class: "hint" }, operation.failure?.detail ?? describeState(operation)),
    ),
    operation.failure &&
      h(
        "button",
        {
          class: "primary",
          on: {
            click: () => {
              close();
              openFailure(operation);
            },
          },
        },
        "Review",
      ),
    h(
      "button",
      {
        on: {
          click: () => {
            outbox.discardOperation(operation);
            close();
          },
        },
      },
      "Discard",
    ),
  );
}

function describeState({ failure }) {
  return failure ? "This task was also changed elsewhere." : "Waiting for the server.";
}

function openOperation(id) {
  const operation = outbox.pendingOperations().find((each) => each.id === id && each.failure);
  return operation && openFailure(operation);
}

function openFailure(operation) {
  return operation.failure.fields ? showConflict(operation) : showRejection(operation);
}

/** Show both values of each conflicting field, to choose one. */
function showConflict(operation) {
  const { fields, current } = operation.failure;
  const localTask = { ...operation.base, ...operation.changes };
  return showDialog(
    "Conflicting changes",
    (close) => {
      const submit = (event) => {
        event.preventDefault();
        const chosen = new FormData(event.target);
        close();
        outbox.resolveConflict(
          operation,
          fields.filter((field) => chosen.get(field) === "mine"),
        );
      };
      return h(
        "form",
        { class: "merge", on: { submit } },
        h("p", {}, `“${current.title}” was changed elsewhere while you edited it. Choose a value for each field.`),
        fields.map((field) =>
          h(
            "fieldset",
            {},
            h("legend", {}, field[0].toUpperCase() + field.slice(1)),
            conflictOption(field, "mine", "Your change", describeField(localTask, field), true),
            conflictOption(field, "theirs", "Other change", describeField(current, field), false),
          ),
        ),
        h("div", { class: "buttons" }, h("button", { class: "primary", type: "submit" }, "Save")),
      );
    },
    { wide: true },
  );
}

function conflictOption(field, value, name, text, checked) {
  return h(
    "label",
    { class: "side" },
    h("input", { type: "radio", name: field, value, checked }),
    h("span", { class: "whose" }, name),
    h("span", { class: "text", dir: "auto" }, text),
  );
}

function showRejection(operation) {
  return showDialog("The server rejected this change", (close) => [
    h("p", {}, operation.failure.detail),
    h("pre", {}, operation.changes.title ?? operation.changes.description ?? ""),
    h(
      "div",
      { class: "buttons" },
      h(
        "button",
        {
          on: {
            click: () => {
              outbox.discardOperation(operation);
              close();
            },
          },
        },
        "Discard",
      ),
      h(
        "button",
        {
          class: "primary",
          on: {
            click: () => {
              outbox.retryOperation(operation);
              close();
            },
          },
        },
        "Try again",
      ),
    ),
  ]);
}
