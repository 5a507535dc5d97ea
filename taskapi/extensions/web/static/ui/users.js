/** The users tab of the administration page: list, create, edit, sign out and delete users. */

import { admin } from "../api/client.js";
import { updateAccount } from "../data/edit.js";
import { describeInstant } from "../text/dates.js";
import { confirm, showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { actionButton, blanksToNull, form, formField } from "./form.js";
import { passwordField } from "./sign_in.js";
import { showError, showToast } from "./toast.js";

export const ROLES = ["viewer", "editor", "admin"];

/** Return the list item of a user; `reload` reloads the list. */
export function userEntry(user, reload) {
  const signOut = async () => {
    await admin.signOut(user.id);
    showToast(`${user.username} is signed out on all devices.`);
  };
  return h(
    "li",
    {},
    h(
      "div",
      {},
      user.name ?? user.username,
      h("p", {}, `${user.username} · created ${describeInstant(user.created_at)}`),
    ),
    user.roles.map((role) => h("span", { class: "badge" }, role)),
    !user.active && h("span", { class: "badge", data: { tone: "bad" } }, "Deactivated"),
    actionButton({ "aria-label": `Sign out ${user.username}` }, signOut, showError, "Sign out"),
    h("button", { "aria-label": `Edit ${user.username}`, on: { click: () => editUser(user, reload) } }, "Edit"),
  );
}

function editUser(user, reload) {
  return showDialog(user.username, (close) => {
    // Reload first: an Edit button that is clicked as soon as the dialog closes must open the saved values
    const done = async () => {
      try {
        await reload();
      } finally {
        close();
      }
    };
    const deleteUser = async () => {
      if (!(await confirm(`Delete ${user.username}?`, "This permanently deletes the account and all its data.")))
        return;
      await admin.remove(user.id);
      await done();
    };
    return form({
      submitLabel: "Save",
      edits: true,
      children: [
        nameField(user.name),
        rolesField(user.roles),
        h("p", { class: "hint" }, `ID: ${user.id}`),
        h(
          "label",
          { class: "choices" },
          h("input", { type: "checkbox", name: "active", checked: user.active }),
          "Active (may sign in)",
        ),
      ],
      extra: [actionButton({}, deleteUser, showError, "Delete…")],
      send: (changes) =>
        updateAccount(user, blanksToNull(changes), {
          load: () => admin.show(user.id),
          update: (sent) => admin.update(user.id, sent),
        }),
      done,
      reload: (current) => {
        close();
        editUser(current, reload);
      },
    });
  });
}

/** Show the form for a new user. */
export function addUser(reload) {
  return showDialog("New user", (close) =>
    form({
      submitLabel: "Create account",
      children: [
        formField(
          "Username",
          h("input", { name: "username", required: true, autocomplete: "off", autocapitalize: "none" }),
        ),
        nameField(null),
        passwordField("new-password", "Password", "password", "The user can change it after signing in."),
        rolesField(["editor"]),
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
  return formField("Name", h("input", { name: "name", maxlength: 100, value: value ?? "", autocomplete: "off" }));
}

function rolesField(selectedRoles) {
  return h(
    "fieldset",
    { class: "choices" },
    h("legend", {}, "Roles"),
    ROLES.map((role) =>
      h(
        "label",
        {},
        h("input", { type: "checkbox", name: "roles", value: role, checked: selectedRoles.includes(role) }),
        role,
      ),
    ),
  );
}
