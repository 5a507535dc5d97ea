/** Projects and labels: making, changing and deleting what tasks are gathered in. */

import { labels, projects } from "../api/calls.js";
import { nextColor, reload } from "../data/catalog.js";
import { announce } from "../data/follow.js";
import { confirm, show } from "./dialog.js";
import { h } from "./dom.js";
import { field, form } from "./form.js";
import { go, place } from "./router.js";
import { toast } from "./toast.js";

const KINDS = {
  project: { api: projects, lost: "It goes to the trash, its tasks with it." },
  label: { api: labels, lost: "It is taken off its tasks." },
};

/** Ask for a new project, and go there. */
export function addProject() {
  const fields = [nameField(), colorField(), descriptionField()];
  return ask("New project", fields, { send: projects.create, done: (made) => go({ view: "project", of: made.id }) });
}

/** Ask what a project shall be like. */
export function editProject(project) {
  const fields = [nameField(project), colorField(project), descriptionField(project), archivedField(project)];
  return ask("Edit project", fields, { edits: true, send: (changes) => projects.update(project.id, changes) });
}

/** Ask what a label shall be like. */
export function editLabel(label) {
  return ask("Edit label", [nameField(label), colorField(label)], {
    edits: true,
    send: (changes) => labels.update(label.id, changes),
    done: (changed) => changed && go({ view: "label", of: changed.name }, { replace: true }),
  });
}

/** Delete a project or a label, if so said; it can be brought back for a while. */
export async function removeGathering(kind, { id, name }) {
  const { api, lost } = KINDS[kind];
  if (!(await confirm(`Delete “${name}”?`, lost))) return;
  await api.remove(id);
  const back = place();
  go({ view: "today" }, { replace: true });
  await settle();
  const finish = async (restored) => {
    await settle();
    go(kind === "label" ? { ...back, of: restored.name } : back);
  };
  const restore = async () => {
    const restored = await api.restore(id).catch((problem) => {
      if (problem.code !== "name_taken") throw problem;
    });
    await (restored ? finish(restored) : restoreAs(api, id, name, finish));
  };
  toast(`Deleted “${name}”.`, { undo: restore });
}

/** Ask for another name to restore something under, since its own name is taken by now. */
function restoreAs(api, id, name, finish) {
  return show(`Restore “${name}”`, (close) =>
    form({
      action: "Restore",
      children: [
        h("p", {}, "Another one has this name by now. Choose a new name."),
        nameField({ name: `${name} (restored)`.slice(0, 100) }),
      ],
      send: (values) => api.restore(id, values),
      done: async (restored) => {
        await finish(restored);
        close();
      },
    }),
  );
}

function ask(title, children, { send, done = () => {}, edits = false }) {
  return show(title, (close) => {
    const finish = async (result) => {
      done(result);
      await settle();
      close();
    };
    return form({ action: "Save", children, edits, send, done: finish });
  });
}

function nameField({ name = "" } = {}) {
  return field("Name", h("input", { name: "name", required: true, maxlength: 100, autofocus: true, value: name }));
}

function colorField({ color = null } = {}) {
  return field("Colour", h("input", { type: "color", name: "color", value: color ?? nextColor() }));
}

function descriptionField({ description = "" } = {}) {
  return field("Description", h("textarea", { name: "description", rows: 3, maxlength: 2000, value: description }));
}

function archivedField({ archived }) {
  const box = h("input", { type: "checkbox", name: "archived", checked: archived });
  return h("label", { class: "choices" }, box, "Archived: out of the way, with all that is in it");
}

async function settle() {
  await reload();
  announce();
}
