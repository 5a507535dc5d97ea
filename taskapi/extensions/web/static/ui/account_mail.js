/** Forgotten passwords, and the e-mail address of the account: the pages behind the links in mails, and their forms. */

import { accountMail } from "../api/client.js";
import { showDialog } from "./dialog.js";
import { h, setChildren } from "./dom.js";
import { actionButton, form, formField } from "./form.js";
import { passwordField } from "./sign_in.js";
import { showError, showToast } from "./toast.js";

const LINK = /^#\/(reset-password|verify-email)\/([\w-]+)$/;

/** Show the page of the link that was opened, and resolve when the user has finished. Without a link do nothing.
 *
 * The token leaves the address bar and the history at once. Only a press of the button sends it, because mail scanners
 * open pages.
 */
export async function followMailLink(root) {
  const found = LINK.exec(location.hash);
  if (!found) return;
  history.replaceState(null, "", location.pathname);
  const [, view, token] = found;
  await new Promise((resolve) => {
    const page = h("section", { class: "access" });
    const finish = (...words) =>
      setChildren(
        page,
        ...words,
        h("div", { class: "buttons" }, h("button", { class: "primary", on: { click: resolve } }, "Continue")),
      );
    const show = view === "verify-email" ? verificationForm : newPasswordForm;
    setChildren(root, h("main", { class: "welcome single" }, page));
    setChildren(page, ...show(token, finish));
    (page.querySelector("input:not([hidden])") ?? page.querySelector("button")).focus();
  });
}

function newPasswordForm(token, finish) {
  return [
    h("h1", {}, "Choose a new password"),
    form({
      submitLabel: "Set password",
      children: [
        passwordField("new-password", "New password", "new_password", "All your devices will be signed out."),
      ],
      send: ({ new_password: wanted }) => accountMail.resetPassword(token, wanted),
      done: () =>
        finish(h("h1", {}, "Password changed"), h("p", { role: "status" }, "Sign in with your new password.")),
    }),
  ];
}

function verificationForm(token, finish) {
  return [
    h("h1", {}, "Confirm your email address"),
    h("p", {}, "It can then be used to choose a new password if you forget yours."),
    form({
      submitLabel: "Confirm address",
      children: [],
      send: () => accountMail.confirm(token),
      done: () => finish(h("h1", {}, "Address confirmed"), h("p", { role: "status" }, "This address is now yours.")),
    }),
  ];
}

// A link that is pasted into an open tab does not load the page. The router must not see it
for (const name of ["popstate", "hashchange"]) window.addEventListener(name, reloadForLink, { capture: true });

function reloadForLink(event) {
  if (!LINK.test(location.hash)) return;
  event.stopImmediatePropagation();
  location.reload();
}

/** Ask for a username or an address, and request a mail. */
export function forgotPassword() {
  return showDialog("Forgot your password?", (close) => {
    const content = h("div", {});
    const done = () =>
      setChildren(
        content,
        h(
          "p",
          { role: "status" },
          "If this account has a confirmed email address, a mail with a link is on its way, valid for 30 minutes.",
        ),
        h("div", { class: "buttons" }, h("button", { class: "primary", on: { click: () => close() } }, "Close")),
      );
    const login = h("input", { name: "login", autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
    return setChildren(
      content,
      form({
        submitLabel: "Send link",
        children: [formField("Username or email address", login)],
        extra: [h("button", { type: "button", on: { click: () => close() } }, "Cancel")],
        send: (values) => accountMail.requestReset(values.login),
        done,
      }),
    );
  });
}

/** Return the section of the account page: the address, whether it is confirmed, and a form to change it. */
export function emailSettings() {
  const section = h("div", { class: "email-settings", "aria-busy": "true" });
  const reload = async () => {
    setChildren(section, ...contents(await accountMail.show(), reload));
    section.removeAttribute("aria-busy");
  };
  reload().catch(showError);
  return section;
}

function contents({ email, verified }, reload) {
  const remove = async () => {
    await accountMail.remove();
    showToast("Address removed.");
    await reload();
  };
  return [
    email
      ? h("p", {}, `${email} `, h("span", { class: "badge" }, verified ? "Confirmed" : "Not confirmed"))
      : h("p", { class: "hint" }, "You have no email address. If you forget your password, you need an administrator."),
    form({
      submitLabel: "Send confirmation",
      children: [
        formField(
          "Email address",
          h("input", {
            name: "email",
            type: "email",
            autocomplete: "email",
            maxlength: 254,
            required: true,
            value: verified ? "" : (email ?? ""),
          }),
          "We send a link to this address. It counts after you have confirmed it.",
        ),
      ],
      extra: email ? [actionButton({}, remove, showError, "Remove address")] : [],
      send: ({ email: wanted }) => accountMail.change(wanted),
      done: () => showToast("A link is on its way. Open it within 30 minutes."),
    }),
  ];
}
