/** The first page of a visitor: what this is, sign-in, registration, the demo, and the documentation. */

import { server } from "../api/server.js";
import { createDemoAccount } from "../data/demo.js";
import { forgotPassword } from "./account_mail.js";
import { showDialog } from "./dialog.js";
import { h, icon, setChildren } from "./dom.js";
import { actionButton, formField } from "./form.js";
import { providerButton } from "./openid.js";
import { registerForm, signInForm } from "./sign_in.js";

const FEATURES = [
  ["add", "Type a task in one line: “Call Grandma tomorrow 18:00 @calls”."],
  ["calendar", "See what is due today, what is late, and what comes next."],
  ["undo", "Work offline and undo. Changes are sent later, and none is lost."],
];
const wide = matchMedia("(min-width: 761px)");

/** Show the page, with a notice about a failed sign-in, or the challenge of a second factor that it asks for.
 *
 * Resolves after the user has signed in.
 */
export function showWelcomePage(root, { notice = null, challenge = null } = {}) {
  return new Promise((resolve) => {
    const access = h("section", { class: "access", "aria-labelledby": "access-title" });
    setChildren(root, h("main", { class: "welcome" }, introduction(resolve), access));
    drawAccess(access, resolve, false, challenge);
    if (notice) access.querySelector("h2").after(h("p", { class: "error", role: "alert" }, notice));
    if (wide.matches) access.querySelector("input").focus(); // a phone would cover the page with its keyboard
  });
}

function introduction(resolve) {
  return h(
    "div",
    { class: "introduction" },
    h("img", { src: new URL("../icon.svg", import.meta.url).href, alt: "", width: 48, height: 48 }),
    h("h1", {}, "Your private task list"),
    h(
      "p",
      { class: "lede" },
      "Tasks, projects and labels, in the browser and by an open API. Only you see your tasks.",
    ),
    h(
      "ul",
      { class: "features" },
      FEATURES.map(([iconName, text]) => h("li", {}, icon(iconName), text)),
    ),
    server.registration && demo(resolve),
    h("p", {}, h("a", { href: "docs/" }, "API documentation")),
  );
}

function demo(resolve) {
  const errorElement = h("p", { class: "error", role: "alert" });
  const start = async () => {
    errorElement.textContent = "";
    await showCredentials(await createDemoAccount());
    resolve();
  };
  const showProblem = (problem) => {
    errorElement.textContent = problem.message;
  };
  return h(
    "div",
    { class: "demo" },
    actionButton({}, start, showProblem, "Try the demo"),
    h("p", { class: "hint" }, "Creates an account with sample tasks and a random name. No email address is needed."),
    errorElement,
  );
}

/** Show name and password of a demo account. They are stored nowhere. */
function showCredentials({ username, password }) {
  const valueField = (label, name, value, autocomplete) =>
    formField(
      label,
      h("input", { name, value, autocomplete, readonly: true, on: { focus: ({ target }) => target.select() } }),
    );
  return showDialog(
    "Your demo account",
    (close) => {
      const submit = (event) => {
        event.preventDefault();
        close();
      };
      return h(
        "form",
        { on: { submit } },
        h("p", {}, "Use it to try things out. This browser stays signed in until you sign out."),
        valueField("Username", "username", username, "username"),
        valueField("Password", "password", password, "new-password"),
        h(
          "p",
          { class: "hint" },
          "Write both down to come back later: they are shown only once. You can delete the account on its page.",
        ),
        h(
          "div",
          { class: "buttons" },
          h("button", { class: "primary", type: "submit", autofocus: true }, "Show my tasks"),
        ),
      );
    },
    { closable: false },
  );
}

/** Draw the form to sign in or to register, with a button for the other one. */
function drawAccess(access, resolve, isRegistering, challenge = null) {
  const switchForm = () => {
    drawAccess(access, resolve, !isRegistering);
    access.querySelector("input").focus();
  };
  setChildren(
    access,
    h("h2", { id: "access-title" }, isRegistering ? "Create your account" : "Sign in"),
    isRegistering ? registerForm(resolve) : signInForm(resolve, "", challenge),
    !isRegistering && providerButton(),
    server.mail &&
      !isRegistering &&
      h("p", { class: "switch" }, h("button", { class: "link", on: { click: forgotPassword } }, "Forgot password?")),
    server.registration
      ? h(
          "p",
          { class: "switch" },
          isRegistering ? "Already have an account? " : "No account yet? ",
          h("button", { class: "link", on: { click: switchForm } }, isRegistering ? "Sign in" : "Create an account"),
        )
      : h("p", { class: "switch" }, "Registration is closed. Ask an administrator for an account."),
  );
}
