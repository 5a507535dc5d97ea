/** Sign-in and registration. When a session ends, a dialog asks for the password, so that no input is lost. */

import { account, accountMail, session } from "../api/client.js";
import { server } from "../api/server.js";
import { browserZone } from "../text/dates.js";
import { showDialog } from "./dialog.js";
import { h, setChildren } from "./dom.js";
import { form, formField } from "./form.js";
import { confirmButton, providerButton } from "./openid.js";
import { confirmByPasskey, passkeySignIn } from "./passkeys.js";

const sessionChannel = new BroadcastChannel("taskapi.session");
let signInPrompt = null;

/** Ask the user to sign in again in a dialog, after the session has ended. */
export function signInAgain(user) {
  signInPrompt ??= showDialog(
    "Sign in again",
    (close) => {
      sessionChannel.onmessage = ({ data }) => data === "in" && close();
      return [
        h("p", {}, "Your session has ended. Your unsaved input is kept."),
        signInForm(async () => {
          if ((await account.show()).id === user.id) close();
          else location.reload(); // what waits must not go on as another user
        }, user.username),
        providerButton(),
      ];
    },
    { closable: false },
  ).finally(() => {
    signInPrompt = null;
  });
  return signInPrompt;
}

/** Ask for the password again, for an action that requires a fresh token. */
export async function confirmPassword() {
  const done = await showDialog("Enter your password", (close) =>
    form({
      submitLabel: "Continue",
      children: [h("p", {}, "Confirm your password to continue."), passwordField("current-password", "Password")],
      extra: [
        h("button", { type: "button", on: { click: () => close() } }, "Cancel"),
        confirmByPasskey(close),
        confirmButton(),
      ],
      send: async ({ password }) => close(await session.verify(password)),
    }),
  );
  if (!done) throw Object.assign(new Error("Nothing was changed."), { status: 401 });
}

/** Sign out in this tab and in all others. */
export async function signOut() {
  await session.signOut().catch(ignoreUnauthorized);
  sessionStorage.clear(); // the next user must not see the draft of quick add
  sessionChannel.postMessage("out");
  location.reload();
}

function ignoreUnauthorized(problem) {
  if (problem.status !== 401) throw problem;
}

/** Reload the page when another tab signs out. */
export function reloadOnSignOut() {
  sessionChannel.addEventListener("message", ({ data }) => data === "out" && location.reload());
}

/** Create a password field. */
export function passwordField(autocomplete, label, name = "password", hint = null) {
  return formField(label, h("input", { type: "password", name, autocomplete, required: true }), hint);
}

/** Create the sign-in form, which asks a user with a second factor for a code too; `done` runs after it.
 *
 * With a `challenge`, it asks for the code only.
 */
export function signInForm(done, username = "", challenge = null) {
  const element = h("div", { class: "stack" });
  const finish = async () => {
    sessionChannel.postMessage("in");
    await done();
  };
  const showPassword = (name, message = null) => {
    setChildren(
      element,
      message && h("p", { class: "error", role: "alert" }, message),
      form({
        submitLabel: "Sign in",
        children: [usernameField(name), passwordField("current-password", "Password")],
        send: async (values) => {
          const asked = await session.signIn(values.username, values.password).then(() => null, challengeOf);
          if (!asked) await finish();
          else showCode(values.username, asked, false);
        },
      }),
      passkeySignIn(finish),
    );
  };
  const showCode = (name, asked, isRecovery) => {
    const restart = (message) => {
      showPassword(name, message);
      element.querySelector("[name=password]").focus();
    };
    const send = async ({ code }) => {
      const problem = await session.sendCode(asked, code).then(() => null, (each) => each);
      if (!problem) await finish();
      else if (problem.code !== "challenge_invalid") throw problem;
      else restart("That took too long. Enter your password again.");
    };
    const other = () => showCode(name, asked, !isRecovery);
    const back = h("button", { type: "button", on: { click: () => restart() } }, "Back");
    const link = isRecovery ? "Use your application" : "Use a recovery code";
    setChildren(
      element,
      form({ submitLabel: "Continue", children: [signInCodeField(isRecovery)], extra: [back], send }),
      h("p", { class: "switch" }, h("button", { type: "button", class: "link", on: { click: other } }, link)),
    );
    queueMicrotask(() => element.querySelector("[name=code]")?.focus()); // once it is on the page
  };
  if (challenge) showCode(username, challenge, false);
  else showPassword(username);
  return element;
}

function challengeOf(problem) {
  if (problem.code !== "second_factor_required") throw problem;
  return problem.challenge;
}

function signInCodeField(isRecovery) {
  const input = h("input", {
    name: "code",
    autocomplete: isRecovery ? "off" : "one-time-code",
    inputmode: isRecovery ? "text" : "numeric",
    autocapitalize: "none",
    spellcheck: "false",
    maxlength: 40,
    required: true,
  });
  return isRecovery
    ? formField("Recovery code", input, "One of the ten codes that you stored. Each works once.")
    : formField("Code", input, "The six digits that your authenticator application shows.");
}

/** Create the form for a new account, which also signs in; `done` runs after it. */
export function registerForm(done) {
  return form({
    submitLabel: "Create account",
    children: [
      usernameField(),
      formField("Name (optional)", h("input", { name: "name", autocomplete: "name", maxlength: 100 })),
      server.mail &&
        formField(
          "Email (optional)",
          h("input", { name: "email", type: "email", autocomplete: "email", maxlength: 254 }),
          "For a new password if you forget yours.",
        ),
      passwordField("new-password", "Password", "password", "12 to 128 characters, for example a few random words."),
    ],
    send: async ({ username, name, email, password }) => {
      await session.register({ username, password, ...(name && { name }), ...(email && { email }) });
      await session.signIn(username, password);
      if (email) await accountMail.change(email).catch(() => {}); // the account page offers it again
      await account.change({ timezone: browserZone() }).catch(() => {}); // the server may not know this time zone
      done();
    },
  });
}

function usernameField(value = "") {
  return formField(
    "Username",
    h("input", {
      name: "username",
      autocomplete: "username",
      autocapitalize: "none",
      spellcheck: "false",
      required: true,
      value,
    }),
  );
}
