/** Personal tokens on the account page: list, create, copy once, delete. */

import { personalTokens } from "../api/client.js";
import { describeInstant } from "../text/dates.js";
import { canWrite, currentUser } from "./current_user.js";
import { confirm, showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { actionButton, form, formField } from "./form.js";
import { pagedList } from "./paged_list.js";
import { showError, showToast } from "./toast.js";

const DAYS = [7, 30, 90, 366];
const DEFAULT_DAYS = 30;

/** The permissions that a token can have, and whether the user has them. The server rejects others. */
const PERMISSIONS = [
  ["task:read", "Read tasks, projects and labels", () => true],
  ["task:write", "Change tasks, projects and labels", canWrite],
  ["account:read", "Read your account and its activity", () => true],
  ["user:read", "Read all accounts", () => currentUser().roles.includes("admin")],
  ["audit:read", "Read the audit log", () => currentUser().roles.includes("admin")],
];

/** Return the contents of the section. */
export function personalTokenList() {
  const list = pagedList("Personal tokens", personalTokens.list, tokenEntry, "You have no personal tokens.");
  return [
    h(
      "p",
      { class: "hint" },
      "For scripts and other programs. A token works until it expires or you delete it, even if you sign out or " +
        "change your password.",
    ),
    list,
    h("div", {}, h("button", { type: "button", on: { click: () => createToken(list.reload) } }, "New token…")),
  ];
}

function tokenEntry(token, reload) {
  const remove = async () => {
    if (!(await confirm(`Delete “${token.name}”?`, "Programs that use this token can no longer sign in."))) return;
    await personalTokens.remove(token.id);
    showToast(`“${token.name}” is deleted.`);
    await reload();
  };
  const isExpired = new Date(token.expires_at) <= new Date();
  const use = token.last_used_at ? `last used ${describeInstant(token.last_used_at)}` : "never used";
  const expiry = `${isExpired ? "expired" : "expires"} ${describeInstant(token.expires_at)}`;
  return h(
    "li",
    {},
    h(
      "div",
      {},
      token.name,
      h("p", {}, `${token.hint}… · ${token.permissions.join(", ")}`),
      h("p", {}, `${use} · ${expiry}`),
    ),
    isExpired && h("span", { class: "badge", data: { tone: "bad" } }, "Expired"),
    actionButton({ "aria-label": `Delete ${token.name}` }, remove, showError, "Delete…"),
  );
}

function createToken(reload) {
  return showDialog("New personal token", (close) =>
    form({
      submitLabel: "Create token",
      children: [
        formField(
          "Name",
          h("input", { name: "name", maxlength: 100, required: true, autocomplete: "off" }),
          "What the token is for.",
        ),
        permissionsField(),
        formField("Expires in", expiryField()),
      ],
      send: ({ name, permissions, days }) =>
        personalTokens.create({ name, permissions, expires_in_days: Number(days) }),
      done: async (token) => {
        close();
        reload();
        await showToken(token);
      },
    }),
  );
}

/** Show a new token. Escape does not close the dialog, because the token is not shown again. */
function showToken({ name, token }) {
  return showDialog(
    `Token “${name}”`,
    (close) => {
      const field = h("input", { readonly: true, value: token });
      const copy = async () => {
        field.select();
        await navigator.clipboard?.writeText(token); // browsers have no clipboard for pages over plain HTTP
        copyButton.textContent = navigator.clipboard ? "Copied" : "Press Ctrl+C";
      };
      const copyButton = actionButton({ class: "primary" }, copy, showError, "Copy");
      return [
        h("p", {}, "Copy the token now. It is not shown again."),
        formField("Token", field),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", on: { click: () => close() } }, "Done"),
          copyButton,
        ),
      ];
    },
    { closable: false },
  );
}

function permissionsField() {
  const choices = PERMISSIONS.filter(([, , isGranted]) => isGranted()).map(([permission, label]) =>
    h(
      "label",
      {},
      h("input", {
        type: "checkbox",
        name: "permissions",
        value: permission,
        checked: permission === "task:read",
      }),
      label,
    ),
  );
  return h("fieldset", { class: "choices" }, h("legend", {}, "Permissions"), ...choices);
}

function expiryField() {
  const field = h(
    "select",
    { name: "days" },
    DAYS.map((days) => h("option", { value: String(days) }, `${days} days`)),
  );
  field.value = String(DEFAULT_DAYS);
  return field;
}
