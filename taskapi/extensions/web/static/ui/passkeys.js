/** Passkeys: sign in with one, confirm an action with one, and manage them on the account page. */

import { account, passkeys, session } from "../api/client.js";
import { server } from "../api/server.js";
import { describeInstant } from "../text/dates.js";
import { currentUser } from "./current_user.js";
import { confirm, showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { actionButton, form, formField } from "./form.js";
import { describeBrowser } from "./format.js";
import { pagedList } from "./paged_list.js";
import { showError, showToast } from "./toast.js";

/** What went wrong in the browser, by the name of its error. It does not tell whether the user has cancelled. */
const ERRORS = {
  InvalidStateError: "This device has a passkey of your account already.",
  NotAllowedError: "No passkey was used.",
  SecurityError: "Passkeys of this server do not work at this address.",
};

/** Whether server and browser have passkeys. Browsers have them over HTTPS and on `localhost` only. */
const hasPasskeys = server.passkeys && "parseRequestOptionsFromJSON" in (globalThis.PublicKeyCredential ?? {});

/** Return the part of the sign-in form that signs in with a passkey; `done` runs after it. Null without passkeys. */
export function passkeySignIn(done) {
  const button = passkeyButton("Sign in with a passkey", done);
  return button && h("div", { class: "provider" }, button, h("p", { class: "error", role: "alert" }));
}

/** Return a button that signs in. Errors are shown beside it: dialogs and the first page have no toasts. */
function passkeyButton(words, done) {
  const showProblem = (problem) => {
    button.closest("form, .provider").querySelector(".error").textContent = problem.message;
  };
  const signIn = async () => {
    showProblem({ message: "" });
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await session.passkeyOptions());
    await session.signInByPasskey(await ask(navigator.credentials.get({ publicKey })));
    await done();
  };
  const button = hasPasskeys ? actionButton({}, signIn, showProblem, words) : null;
  return button;
}

/** Return a button for the dialog that asks for the password. It starts a new session of the user.
 *
 * With the passkey of another user, the action must not go on.
 */
export function confirmByPasskey(close) {
  return passkeyButton("Use a passkey", async () => {
    if ((await account.show()).id === currentUser().id) close(true);
    else location.reload();
  });
}

/** Return the JSON of a credential that the browser is asked for. */
async function ask(credential) {
  try {
    return (await credential).toJSON();
  } catch (error) {
    throw Object.assign(new Error(ERRORS[error.name] ?? "The browser could not use a passkey."), { status: 400 });
  }
}

/** Return the contents of the section of the account page. */
export function passkeyList() {
  const list = pagedList("Passkeys", passkeys.list, passkeyEntry, "You have no passkeys.");
  return [
    h(
      "p",
      { class: "hint" },
      "Sign in with your fingerprint, your face or the PIN of a device, without your password.",
    ),
    list,
    hasPasskeys
      ? h("div", {}, h("button", { type: "button", on: { click: () => createPasskey(list.reload) } }, "Add a passkey…"))
      : h("p", { class: "hint" }, "This browser cannot add one here."),
  ];
}

function passkeyEntry(passkey, reload) {
  const remove = async () => {
    const text = "It can no longer sign in. Devices that are signed in stay so: see the list of devices.";
    if (!(await confirm(`Remove “${passkey.name}”?`, text, { action: "Remove" }))) return;
    await passkeys.remove(passkey.id);
    showToast(`“${passkey.name}” is removed. Delete it on your device too.`);
    await reload();
  };
  const use = passkey.last_used_at ? `last used ${describeInstant(passkey.last_used_at)}` : "never used";
  return h(
    "li",
    {},
    h("div", {}, passkey.name, h("p", {}, `${use} · added ${describeInstant(passkey.created_at)}`)),
    actionButton({ "aria-label": `Remove ${passkey.name}` }, remove, showError, "Remove…"),
  );
}

function createPasskey(reload) {
  return showDialog("Add a passkey", (close) =>
    form({
      submitLabel: "Continue",
      children: [
        formField(
          "Name",
          h("input", {
            name: "name",
            maxlength: 100,
            required: true,
            autocomplete: "off",
            value: describeBrowser(navigator.userAgent),
          }),
          "Where the passkey is.",
        ),
      ],
      extra: [h("button", { type: "button", on: { click: () => close() } }, "Cancel")],
      send: async ({ name }) => {
        const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await passkeys.options());
        return passkeys.create(name, await ask(navigator.credentials.create({ publicKey })));
      },
      done: async (passkey) => {
        close();
        showToast(`You can now sign in with “${passkey.name}”.`);
        await reload();
      },
    }),
  );
}
