/** People, as an administrator sees them: who they are, what they may, and shutting them out. */

import { admin } from "../api/calls.js";
import { describeInstant } from "../text/days.js";
import { confirm, show } from "./dialog.js";
import { h } from "./dom.js";
import { acting, field, form, nullBlanks } from "./form.js";
import { passwordField } from "./signin.js";
import { complain, toast } from "./toast.js";

export const ROLES = ["viewer", "editor", "admin"];

/** Return the element of a person; `reload` reads the list anew. */
export function personEntry(person, reload) {
  const signOut = async () => {
    await admin.signOut(person.id);
    toast(`${person.username} is signed out everywhere.`);
  };
  return h(
    "li",
    {},
    h(
      "div",
      {},
      person.name ?? person.username,
      h("p", {}, `${person.username} · since ${describeInstant(person.created_at)}`),
    ),
    person.roles.map((role) => h("span", { class: "badge" }, role)),
    !person.active && h("span", { class: "badge", data: { tone: "bad" } }, "Deactivated"),
    acting({ "aria-label": `Sign out ${person.username}` }, signOut, complain, "Sign out"),
    h("button", { "aria-label": `Edit ${person.username}`, on: { click: () => editPerson(person, reload) } }, "Edit"),
  );
}

function editPerson(person, reload) {
  return show(person.username, (close) => {
    // Reload first: an Edit button that is clicked as soon as the dialog closes must open the saved values
    const done = async () => {
      try {
        await reload();
      } finally {
        close();
      }
    };
    const remove = async () => {
      if (
        !(await confirm(`Delete ${person.username}?`, "The account and everything that it owns are erased, for good."))
      )
        return;
      await admin.remove(person.id);
      await done();
    };
    return form({
      action: "Save",
      edits: true,
      children: [
        nameField(person.name),
        roleChoices(person.roles),
        h("p", { class: "hint" }, `Id: ${person.id}`),
        h(
          "label",
          { class: "choices" },
          h("input", { type: "checkbox", name: "active", checked: person.active }),
          "Active: may sign in",
        ),
      ],
      extra: [acting({}, remove, complain, "Delete…")],
      send: (changes) => admin.update(person.id, nullBlanks(changes)),
      done,
    });
  });
}

/** Ask for a new person. */
export function addPerson(reload) {
  return show("New person", (close) =>
    form({
      action: "Create account",
      children: [
        field(
          "Username",
          h("input", { name: "username", required: true, autocomplete: "off", autocapitalize: "none" }),
        ),
        nameField(null),
        passwordField("new-password", "Password", "password", "They can change it once they are in."),
        roleChoices(["editor"]),
      ],
      send: async ({ username, name, password, roles }) => {
        await admin.create({ username, password, roles, ...(name && { name }) });
        close();
        await reload();
      },
    }),
  );
}

function nameField(value) {
  return field("Name", h("input", { name: "name", maxlength: 100, value: value ?? "", autocomplete: "off" }));
}

function roleChoices(held) {
  return h(
    "fieldset",
    { class: "choices" },
    h("legend", {}, "Roles"),
    ROLES.map((role) =>
      h("label", {}, h("input", { type: "checkbox", name: "roles", value: role, checked: held.includes(role) }), role),
    ),
  );
}
