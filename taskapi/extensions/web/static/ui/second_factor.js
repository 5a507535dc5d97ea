/** The second factor: set it up with a QR code, show recovery codes once, renew them, disable it. */

import { secondFactor, session } from "../api/client.js";
import { describeInstant } from "../text/dates.js";
import { currentUser } from "./current_user.js";
import { showDialog } from "./dialog.js";
import { h, setChildren } from "./dom.js";
import { actionButton, form, formField } from "./form.js";
import { passwordField } from "./sign_in.js";
import { showError, showToast } from "./toast.js";

/** Return the section of the account page. */
export function secondFactorSettings() {
  const section = h("div", { class: "stack", "aria-busy": "true" }, h("p", { class: "hint" }, "Loading…"));
  const reload = async () => {
    setChildren(section, ...contents(await secondFactor.show(), reload));
    section.removeAttribute("aria-busy");
  };
  reload().catch(showError);
  return section;
}

/** Show a page that asks to set a second factor up, which the role of the user requires. Resolves when it is done. */
export function requireSecondFactor(root, factor, signOut) {
  return new Promise((resolve) => {
    const steps = h("section", { class: "access" });
    setChildren(root, h("main", { class: "welcome single" }, steps));
    const leave = h("button", { type: "button", on: { click: signOut } }, "Sign out");
    const heading = h("h1", {}, "Set up a second factor");
    const reason = h("p", {}, "Your role needs one. Until then, you cannot use your tasks.");
    showSetup(steps, factor, [heading, reason], leave, resolve);
  });
}

function contents(factor, reload) {
  const { enabled, enabled_at: since, recovery_codes_left: left } = factor;
  if (!enabled)
    return [
      h(
        "p",
        { class: "hint" },
        "A sign-in then needs a code of an application on your phone, too. Whoever knows only your password cannot " +
          "sign in.",
      ),
      h("div", {}, h("button", { type: "button", on: { click: () => setUp(factor, reload) } }, "Set up…")),
    ];
  return [
    h("p", {}, h("span", { class: "badge" }, "On"), ` since ${describeInstant(since)}`),
    h("p", { class: left < 3 ? "error" : "hint" }, `${left} of 10 recovery codes are left.`),
    h(
      "div",
      { class: "row-links" },
      h("button", { type: "button", on: { click: () => renewCodes(factor, reload) } }, "New recovery codes…"),
      h("button", { type: "button", on: { click: () => disable(factor, reload) } }, "Disable…"),
    ),
  ];
}

async function setUp(factor, reload) {
  const isDone = await showDialog("Set up a second factor", (close) => {
    const steps = h("div", { class: "stack" });
    const cancel = h("button", { type: "button", on: { click: () => close() } }, "Cancel");
    showSetup(steps, factor, [], cancel, () => close(true));
    return steps;
  });
  await reload();
  if (isDone) showToast("The second factor is on. Your other devices are signed out.");
}

/** Show the steps of the set-up in an element: the password, the QR code and a code, the recovery codes. */
function showSetup(element, factor, introduction, cancel, done) {
  setChildren(
    element,
    ...introduction,
    form({
      submitLabel: "Continue",
      children: passwordFields(factor),
      extra: [cancel],
      send: ({ password }) => withPassword(password, () => secondFactor.start(password)),
      done: (setup) => showCode(element, setup, cancel, done),
    }),
  );
}

function showCode(element, setup, cancel, done) {
  const secret = setup.secret.match(/.{4}/g).join(" ");
  setChildren(
    element,
    h("p", {}, "Scan this with an authenticator application, then enter the code that it shows."),
    h("img", { class: "qr", src: setup.qr_code, alt: "QR code for your application", width: 208, height: 208 }),
    formField(
      "Key, if you cannot scan",
      h("input", { readonly: true, value: secret, on: { focus: ({ target }) => target.select() } }),
    ),
    form({
      submitLabel: "Turn on",
      children: [codeField()],
      extra: [cancel],
      send: ({ code }) => secondFactor.confirm(code),
      done: ({ recovery_codes: codes }) => showCodes(element, codes, done),
    }),
  );
  element.querySelector("[name=code]").focus();
}

/** Show recovery codes. They are shown only once, so only the button ends this step. */
function showCodes(element, codes, done) {
  const text = codes.join("\n");
  element.closest("dialog")?.addEventListener("cancel", (event) => event.preventDefault());
  element.closest("dialog")?.querySelector(".cross")?.remove();
  const copy = async () => {
    getSelection().selectAllChildren(element.querySelector(".codes"));
    await navigator.clipboard?.writeText(text); // browsers have no clipboard for pages over plain HTTP
    copyButton.textContent = navigator.clipboard ? "Copied" : "Press Ctrl+C";
  };
  const copyButton = actionButton({}, copy, showError, "Copy");
  const file = `data:text/plain;charset=utf-8,${encodeURIComponent(`${text}\n`)}`;
  const download = () => h("a", { href: file, download: "recovery-codes.txt" }).click();
  setChildren(
    element,
    h("h2", { tabindex: "-1" }, "Recovery codes"),
    h("p", {}, "Each code signs you in once, without your phone. Store them now: they are not shown again."),
    h("ul", { class: "codes" }, codes.map((code) => h("li", {}, code))),
    h(
      "div",
      { class: "buttons" },
      copyButton,
      h("button", { type: "button", on: { click: download } }, "Download"),
      h("button", { type: "button", class: "primary", on: { click: done } }, "I have stored them"),
    ),
  );
  element.querySelector("h2").focus();
}

async function renewCodes(factor, reload) {
  const show = (element, result, close) => showCodes(element, result.recovery_codes, close);
  await askForBoth(factor, "New recovery codes", "Replace codes", secondFactor.renewRecoveryCodes, show);
  await reload();
}

async function disable(factor, reload) {
  const finish = (_element, _result, close) => {
    showToast("The second factor is off. Your other devices are signed out.");
    close();
  };
  await askForBoth(factor, "Disable the second factor?", "Disable", secondFactor.disable, finish);
  await reload();
}

/** Ask for the password, if the user has one, and a code, and send both. */
function askForBoth(factor, title, action, send, done) {
  return showDialog(title, (close) => {
    const element = h("div", { class: "stack" });
    return setChildren(
      element,
      form({
        submitLabel: action,
        children: [...passwordFields(factor), codeField("Of your application, or a recovery code.")],
        extra: [h("button", { type: "button", on: { click: () => close() } }, "Cancel")],
        send: ({ password, code }) => withPassword(password, () => send(password, code)),
        done: (result) => done(element, result, close),
      }),
    );
  });
}

/** Run a request that needs a fresh token. Do not ask for a password again that the user has just entered. */
async function withPassword(password, run) {
  if (password) await session.verify(password);
  return run();
}

function codeField(hint = "Six digits.") {
  return formField(
    "Code",
    h("input", {
      name: "code",
      autocomplete: "one-time-code",
      autocapitalize: "none",
      spellcheck: "false",
      maxlength: 40,
      required: true,
    }),
    hint,
  );
}

/** Create the field for the password, and a hidden one for password managers; none for a user without a password.
 *
 * A dialog focuses its first field, so the hidden one is the last.
 */
function passwordFields({ needs_password: needsPassword }) {
  if (!needsPassword) return [];
  const value = currentUser().username;
  return [
    passwordField("current-password", "Your password"),
    h("input", { hidden: true, autocomplete: "username", value, "aria-label": "Username" }),
  ];
}
