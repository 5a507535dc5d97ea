/** A change of all tasks of the current list, also of those that are not loaded. The user sees their number before.
 *
 * The server does it (`POST /tasks/bulk`), past the outbox. Offline, or while changes wait in the outbox, nothing is
 * changed and nothing is queued.
 */

import { tasks as api } from "../api/client.js";
import { newRequestKey } from "../api/http.js";
import { catalog } from "../data/catalog.js";
import { announceChange } from "../data/change_feed.js";
import { listQuery, VIEWS } from "../data/views.js";
import { requireSaved } from "../data/whole_lists.js";
import { showDialog } from "./dialog.js";
import { h, setChildren } from "./dom.js";
import { form, formField } from "./form.js";
import { currentRoute } from "./router.js";
import { showError, showToast } from "./toast.js";

const MAX_TASKS = 1000;

/** `change(values)` returns the change of a request, from the values of the form; `field` is the one that it needs. */
const CHANGES = {
  complete: { name: "Complete", past: "Completed", change: () => ({ op: "update", data: { status: "done" } }) },
  move: {
    name: "Move to a project",
    past: "Moved",
    field: "project_id",
    change: ({ project_id: id }) => ({ op: "update", data: { project_id: id || null } }),
  },
  add_label: {
    name: "Add a label",
    past: "Labelled",
    field: "label",
    change: ({ label }) => ({ op: "add_label", label: nameOf(label) }),
  },
  remove_label: {
    name: "Remove a label",
    past: "Removed the label from",
    field: "label",
    change: ({ label }) => ({ op: "remove_label", label: nameOf(label) }),
  },
  trash: { name: "Delete", past: "Deleted", change: () => ({ op: "trash" }) },
  restore: { name: "Restore", past: "Restored", change: () => ({ op: "restore" }) },
};

/** Ask for a change of all tasks of the current list. `done` is called after it. */
export function changeWholeList(done) {
  try {
    requireSaved();
  } catch (problem) {
    showError(problem);
    return;
  }
  const { sort, ...filters } = listQuery(currentRoute());
  const { title, isTrash } = VIEWS[currentRoute().view];
  const names = Object.keys(CHANGES).filter((name) => (name === "restore") === Boolean(isTrash));
  const dialogTitle = `Change all tasks of “${title(currentRoute().param)}”`;
  showDialog(dialogTitle, (close) => changeForm(names, filters, { close, done }));
}

function changeForm(names, filters, { close, done }) {
  const status = h("p", { role: "status" }, "Counting…");
  const choice = h(
    "select",
    { name: "change", on: { change: showFields } },
    names.map((name) => h("option", { value: name }, CHANGES[name].name)),
  );
  const fields = { project_id: projectField(), label: labelField() };
  const element = form({
    submitLabel: "Change",
    children: [
      status,
      formField("Change", choice),
      ...Object.values(fields),
      h("p", { class: "hint" }, "This includes tasks that are not shown yet, and their subtasks move with them."),
    ],
    extra: [h("button", { type: "button", on: { click: () => close() } }, "Cancel")],
    send,
    done: () => {
      close();
      done();
      announceChange();
      showToast(`${CHANGES[choice.value].past} ${countTasks(count)}.`);
    },
  });
  let count = null;
  let lastRequest = { text: "", key: "" };
  showFields();
  recount();
  return element;

  function showFields() {
    for (const [name, field] of Object.entries(fields)) field.hidden = CHANGES[choice.value].field !== name;
  }

  async function recount() {
    try {
      showCount((await api.count(filters)).count);
    } catch (problem) {
      setChildren(status, withConsequence(problem));
    }
  }

  function showCount(found) {
    count = found;
    const isTooMany = count > MAX_TASKS;
    setChildren(
      status,
      `The list has ${countTasks(count)}${isTooMany ? `. Filter it: at most ${MAX_TASKS} change at once` : ""}.`,
    );
    const button = element.querySelector("[type=submit]");
    setChildren(button, `Change ${countTasks(count)}`);
    button.disabled = isTooMany || !count;
  }

  /** The key makes a repeated request harmless: the tasks change once, even if a response is lost. */
  async function send(values) {
    if (count === null) await recount();
    if (count === null || count > MAX_TASKS) return Promise.reject(refusal("Nothing was changed."));
    const change = { ...CHANGES[values.change].change(values), count };
    const text = JSON.stringify(change);
    if (lastRequest.text !== text) lastRequest = { text, key: newRequestKey() };
    return api.changeAll(filters, change, lastRequest.key).catch(async (problem) => {
      throw await explain(problem);
    });
  }

  /** Return the problem with a message for the user. Nothing was changed, unless the response was lost. */
  async function explain(problem) {
    const errors = problem.errors?.json?.change ?? problem.errors?.json;
    if (problem.code === "count_changed") {
      showCount(problem.count);
      return refusal("The list has changed meanwhile. Nothing was changed. Check the new number.");
    }
    if (problem.task_id) {
      const task = await api.show(problem.task_id).catch(() => ({ title: "a task" }));
      const words = errors ? Object.values(errors).flat().join(" ") : problem.message;
      return refusal(`“${task.title}” cannot be changed, so nothing was changed: ${words}`);
    }
    return Object.assign(problem, { message: withConsequence(problem), errors: errors && { json: errors } });
  }
}

function withConsequence({ message, status }) {
  return status ? message : `${message} Nothing waits to be sent: try again later.`;
}

function refusal(message) {
  return Object.assign(new Error(message), { status: 409 });
}

function projectField() {
  const projects = catalog.projects.filter(({ archived }) => !archived);
  return formField(
    "Project",
    h(
      "select",
      { name: "project_id" },
      h("option", { value: "" }, "No project"),
      projects.map(({ id, name }) => h("option", { value: id }, name)),
    ),
  );
}

function labelField() {
  const options = catalog.labels.map(({ name }) => h("option", { value: name }));
  const names = h("datalist", { id: "whole-list-labels" }, options);
  const field = formField("Label", h("input", { name: "label", maxlength: 50, autocomplete: "off", list: names.id }));
  field.append(names);
  return field;
}

function nameOf(label) {
  return label.trim().replace(/^@/u, "");
}

function countTasks(count) {
  return count === 1 ? "1 task" : `${count} tasks`;
}
