/** What could not be saved: edits that met others, field by field, and what the server would not take. */

import * as waiting from "../data/outbox.js";
import * as tasks from "../data/tasks.js";
import { show } from "./dialog.js";
import { h } from "./dom.js";
import { wording } from "./fields.js";

const KINDS = { create: "Add", update: "Change", remove: "Delete", restore: "Restore" };

/** Return what is said at a task that is not saved as it looks. */
export function unsavedNote(task) {
  if (!task.trouble) return null;
  return h(
    "div",
    { class: "notice", role: "alert" },
    h("p", {}, task.trouble.fields ? "This task was changed elsewhere too." : task.trouble.detail),
    h("button", { class: "primary", on: { click: () => look(task.id) } }, "Have a look"),
  );
}

/** Show all that waits, or has met trouble. */
export function showWaiting() {
  return show("Not saved yet", (close) => {
    const operations = waiting.waiting();
    if (!operations.length) return h("p", {}, "Everything is saved.");
    return [
      h("p", {}, "These changes are kept on this device, and go out by themselves."),
      h(
        "ul",
        { class: "operations" },
        operations.map((operation) => entry(operation, close)),
      ),
    ];
  });
}

function entry(operation, close) {
  const task = tasks.find(operation.id);
  return h(
    "li",
    {},
    h(
      "div",
      {},
      h("strong", {}, `${KINDS[operation.kind]} “${task?.title ?? "a task"}”`),
      h("p", { class: "hint" }, operation.trouble?.detail ?? state(operation)),
    ),
    operation.trouble &&
      h(
        "button",
        {
          class: "primary",
          on: {
            click: () => {
              close();
              resolve(operation);
            },
          },
        },
        "Have a look",
      ),
    h(
      "button",
      {
        on: {
          click: () => {
            waiting.discard(operation);
            close();
          },
        },
      },
      "Discard",
    ),
  );
}

function state({ trouble }) {
  return trouble ? "It was changed elsewhere too." : "Waits for the server.";
}

function look(id) {
  const operation = waiting.waiting().find((each) => each.id === id && each.trouble);
  return operation && resolve(operation);
}

function resolve(operation) {
  return operation.trouble.fields ? merge(operation) : decide(operation);
}

/** Show mine and theirs of each field that both changed, to choose from. */
function merge(operation) {
  const { fields, current } = operation.trouble;
  const mine = { ...operation.base, ...operation.changes };
  return show(
    "Two edits of one task",
    (close) => {
      const submit = (event) => {
        event.preventDefault();
        const chosen = new FormData(event.target);
        close();
        waiting.settle(
          operation,
          fields.filter((field) => chosen.get(field) === "mine"),
        );
      };
      return h(
        "form",
        { class: "merge", on: { submit } },
        h("p", {}, `“${current.title}” was changed elsewhere while you changed it here. What shall it be?`),
        fields.map((field) =>
          h(
            "fieldset",
            {},
            h("legend", {}, field[0].toUpperCase() + field.slice(1)),
            side(field, "mine", "Mine", wording(mine, field), true),
            side(field, "theirs", "Theirs", wording(current, field), false),
          ),
        ),
        h("div", { class: "buttons" }, h("button", { class: "primary", type: "submit" }, "Save")),
      );
    },
    { wide: true },
  );
}

function side(field, value, name, text, checked) {
  return h(
    "label",
    { class: "side" },
    h("input", { type: "radio", name: field, value, checked }),
    h("span", { class: "whose" }, name),
    h("span", { class: "text" }, text),
  );
}

function decide(operation) {
  return show("The server would not take this", (close) => [
    h("p", {}, operation.trouble.detail),
    h("pre", {}, operation.changes.title ?? operation.changes.description ?? ""),
    h(
      "div",
      { class: "buttons" },
      h(
        "button",
        {
          on: {
            click: () => {
              waiting.discard(operation);
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
              waiting.retry(operation);
              close();
            },
          },
        },
        "Try again",
      ),
    ),
  ]);
}
