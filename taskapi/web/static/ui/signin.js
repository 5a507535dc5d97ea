/** Signing in: as a page of its own, or over the page where a session ended, so that nothing on it is lost. */

import { account, session } from "../api/calls.js";
import { browserZone } from "../text/days.js";
import { show } from "./dialog.js";
import { fill, h } from "./dom.js";
import { field, form } from "./form.js";

const tabs = new BroadcastChannel("taskapi.session");
let asking = null;

/** Show the page of somebody who is not signed in; returns a promise of their having done so. */
export function signInPage(root) {
  return new Promise((settle) => {
    const page = h("main", { class: "welcome" });
    const draw = (registering) => {
      fill(
        page,
        h(
          "header",
          {},
          h("img", { src: new URL("../icon.svg", import.meta.url).href, alt: "", width: 48, height: 48 }),
          h("h1", {}, registering ? "Create your account" : "Sign in"),
          h("p", {}, "Your tasks, and nobody else’s."),
        ),
        registering ? registerForm(settle) : signInForm(settle),
        h(
          "p",
          { class: "switch" },
          registering ? "You have an account? " : "New here? ",
          h(
            "button",
            { class: "link", on: { click: () => draw(!registering) } },
            registering ? "Sign in" : "Create an account",
          ),
        ),
      );
      page.querySelector("input").focus();
    };
    draw(false);
    fill(root, page);
  });
}

/** Ask for the password over the page, for a session that is over. */
export function signInAgain(person) {
  asking ??= show(
    "Sign in again",
    (close) => {
      tabs.onmessage = ({ data }) => data === "in" && close();
      return [
        h("p", {}, "Your session has ended. What you were writing is still here."),
        signInForm(async () => {
          if ((await account.show()).id !== person.id) location.reload();
          close();
        }, person.username),
      ];
    },
    { closable: false },
  ).finally(() => {
    asking = null;
  });
  return asking;
}

/** Ask for the password once more, where an act wants it fresh. */
export async function enterPassword() {
  const done = await show("Enter your password", (close) =>
    form({
      action: "Continue",
      children: [h("p", {}, "This needs to be really you."), passwordField("current-password", "Password")],
      extra: [h("button", { type: "button", on: { click: () => close() } }, "Cancel")],
      send: async ({ password }) => close(await session.verify(password)),
    }),
  );
  if (!done) throw Object.assign(new Error("Nothing was changed."), { status: 401 });
}

/** Sign out, here and in the other tabs. */
export async function signOut() {
  await session.signOut().catch(unlessOver);
  sessionStorage.clear(); // a half-written line is nobody else's to read
  tabs.postMessage("out");
  location.reload();
}

function unlessOver(problem) {
  if (problem.status !== 401) throw problem;
}

/** Leave the page when another tab has signed out. */
export function followSignOut() {
  tabs.addEventListener("message", ({ data }) => data === "out" && location.reload());
}

/** Make a password's field. */
export function passwordField(autocomplete, label, name = "password", hint = null) {
  return field(label, h("input", { type: "password", name, autocomplete, required: true }), hint);
}

function signInForm(done, username = "") {
  return form({
    action: "Sign in",
    children: [usernameField(username), passwordField("current-password", "Password")],
    send: async (values) => {
      await session.signIn(values.username, values.password);
      tabs.postMessage("in");
      await done();
    },
  });
}

function registerForm(done) {
  return form({
    action: "Create account",
    children: [
      usernameField(),
      field("Name (optional)", h("input", { name: "name", autocomplete: "name", maxlength: 100 })),
      passwordField("new-password", "Password", "password", "12 to 128 characters. A few words in a row are good."),
    ],
    send: async ({ username, name, password }) => {
      await session.register({ username, password, ...(name && { name }) });
      await session.signIn(username, password);
      await account.change({ timezone: browserZone() }).catch(() => {}); // a zone that the server does not know
      done();
    },
  });
}

function usernameField(value = "") {
  return field(
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
