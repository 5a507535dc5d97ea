/** Forms to create, edit, delete and restore projects and labels. */

import { labels, projects } from "../api/client.js";
import { pickProjectColor, reloadCatalog } from "../data/catalog.js";
import { announceChange } from "../data/change_feed.js";
import { updateVersioned } from "../data/edit.js";
import { confirm, showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { form, formField } from "./form.js";
import { currentRoute, navigate } from "./router.js";
import { showToast } from "./toast.js";

const COLLECTIONS = {
  project: { api: projects, consequence: "The project and its tasks are moved to the trash." },
  label: { api: labels, consequence: "The label is removed from all tasks." },
};

/** Show the form for a new project, and open the project. */
export function addProject() {
  const fields = [nameField(), colorField(), descriptionField()];
  return showForm("New project", fields, {
    send: projects.create,
    done: (created) => navigate({ view: "project", param: created.id }),
  });
}

/** Show the form of a project. */
export function editProject(project) {
  const fields = [nameField(project), colorField(project), descriptionField(project), archivedField(project)];
  return showForm("Edit project", fields, {
    edits: true,
    send: (changes) => save(projects, project, changes),
    reload: editProject,
  });
}

/** Show the form of a label. */
export function editLabel(label) {
  return showForm("Edit label", [nameField(label), colorField(label)], {
    edits: true,
    send: (changes) => save(labels, label, changes),
    reload: editLabel,
    done: (changed) => changed && navigate({ view: "label", param: changed.name }, { replace: true }),
  });
}

/** Delete a project or label after a confirmation. The toast offers to restore it. */
export async function deleteProjectOrLabel(kind, { id, name }) {
  const { api, consequence } = COLLECTIONS[kind];
  if (!(await confirm(`Delete “${name}”?`, consequence))) return;
  await api.remove(id);
  const previousRoute = currentRoute();
  navigate({ view: "today" }, { replace: true });
  await reloadAndAnnounce();
  const finishRestore = async (restored) => {
    await reloadAndAnnounce();
    navigate(kind === "label" ? { ...previousRoute, param: restored.name } : previousRoute);
  };
  const restore = async () => {
    const restored = await api.restore(id).catch((problem) => {
      if (problem.code !== "name_taken") throw problem;
    });
    await (restored ? finishRestore(restored) : restoreUnderNewName(api, id, name, finishRestore));
  };
  showToast(`Deleted “${name}”.`, { undo: restore });
}

/** Ask for a new name to restore a project or label whose name is taken. */
function restoreUnderNewName(api, id, name, finishRestore) {
  return showDialog(`Restore “${name}”`, (close) =>
    form({
      submitLabel: "Restore",
      children: [
        h("p", {}, "This name is already taken. Choose another name."),
        nameField({ name: `${name} (restored)`.slice(0, 100) }),
      ],
      send: (values) => api.restore(id, values),
      done: async (restored) => {
        await finishRestore(restored);
        close();
      },
    }),
  );
}

function showForm(title, children, { send, done = () => {}, edits = false, reload = null }) {
  return showDialog(title, (close) => {
    const finish = async (result) => {
      done(result);
      await reloadAndAnnounce();
      close();
    };
    const reopen = (current) => {
      close();
      reload(current);
    };
    return form({ submitLabel: "Save", children, edits, send, done: finish, reload: reopen });
  });
}

function save(api, item, changes) {
  return updateVersioned(item, changes, (sent, version) => api.update(item.id, sent, version));
}

function nameField({ name = "" } = {}) {
  const attributes = { name: "name", required: true, maxlength: 100, autofocus: true, dir: "auto", value: name };
  return formField("Name", h("input", attributes));
}

function colorField({ color = null } = {}) {
  return formField("Colour", h("input", { type: "color", name: "color", value: color ?? pickProjectColor() }));
}

function descriptionField({ description = "" } = {}) {
  const attributes = { name: "description", rows: 3, maxlength: 2000, dir: "auto", value: description };
  return formField("Description", h("textarea", attributes));
}

function archivedField({ archived }) {
  const box = h("input", { type: "checkbox", name: "archived", checked: archived });
  return h("label", { class: "choices" }, box, "Archived (hidden from the list of projects)");
}

async function reloadAndAnnounce() {
  await reloadCatalog();
  announceChange();
}
