/** Sign-in at the OpenID provider: the way there and back, and the link of the account. */

import { openid, session } from "../api/client.js";
import { server } from "../api/server.js";
import { describeInstant } from "../text/dates.js";
import { h, setChildren } from "./dom.js";
import { actionButton } from "./form.js";
import { showError, showToast } from "./toast.js";

const RETURNED = /^#openid_(code|error)=([\w.~-]+)$/;
const STORED = "taskapi.openid"; // what the page must know after it was left, in the storage of this tab

/** What went wrong on the way, by the code of the error. */
const ERRORS = {
  openid_denied: "The sign-in was cancelled.",
  openid_state_invalid: "The sign-in took too long, or was started in another tab.",
  too_many_requests: "Too many sign-ins at the moment. Try again later.",
  unavailable: `${server.openid} does not respond. Try again later.`,
};

/** Leave the page for the provider. `purpose` is `sign-in`, `confirm` (enter credentials again) or `link`.
 *
 * For a link, too, the person enters credentials: somebody else may be signed in at the provider in this browser.
 */
async function leave(purpose) {
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const challenge = base64url(new Uint8Array(hash));
  sessionStorage.setItem(STORED, JSON.stringify({ purpose, verifier, view: location.hash }));
  const query = new URLSearchParams({ next: "/", challenge, reauthenticate: purpose !== "sign-in" });
  location.assign(`openid/start?${query}`);
  await new Promise(() => {}); // the page goes away: its buttons stay disabled
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** Finish what was begun, if the browser has just returned from the provider. Code and error leave the address bar.
 *
 * Returns `{notice}`, a text about a failed sign-in for the sign-in page; `{challenge}`, if the user has a second
 * factor; `{link}`, a function to call after the page has its session; or nothing.
 */
export async function returnFromProvider() {
  const found = RETURNED.exec(location.hash);
  if (!found) return {};
  const { purpose, verifier, view = "" } = JSON.parse(sessionStorage.getItem(STORED) ?? "{}");
  sessionStorage.removeItem(STORED);
  history.replaceState(null, "", location.pathname + view);
  const [, kind, value] = found;
  const failed = (text) => (purpose === "link" ? { link: () => showToast(text) } : { notice: text });
  if (kind === "error") return failed(ERRORS[value] ?? `The sign-in with ${server.openid} failed. Try again.`);
  if (!verifier) return {}; // a code that this tab has not asked for
  const code = { code: value, verifier };
  if (purpose === "link") return { link: () => linkAccount(code) };
  try {
    await session.signInByProvider(code);
    return {};
  } catch (problem) {
    if (problem.code === "second_factor_required") return { challenge: problem.challenge };
    return failed(problem.message);
  }
}

async function linkAccount(code) {
  try {
    await openid.link(code);
    showToast(`You can now sign in with ${server.openid}.`);
  } catch (problem) {
    showError(problem);
  }
}

/** Return the button of the sign-in page, or null without a provider. */
export function providerButton() {
  const button = leaveButton("sign-in", `Sign in with ${server.openid}`);
  return button && h("div", { class: "provider" }, button);
}

/** Return a button for the dialog that asks for the password, or null without a provider. */
export function confirmButton() {
  return leaveButton("confirm", `Use ${server.openid}`);
}

/** Return a button, or null if the page cannot hash: browsers allow it over HTTPS and on the same machine only. */
function leaveButton(purpose, words) {
  return server.openid && crypto.subtle ? actionButton({}, () => leave(purpose), showError, words) : null;
}

/** Return the section of the account page. */
export function providerSettings() {
  const section = h("div", { "aria-busy": "true" });
  const reload = async () => {
    setChildren(section, ...contents(await openid.show(), reload));
    section.removeAttribute("aria-busy");
  };
  reload().catch(showError);
  return section;
}

function contents({ linked, linked_at: since, has_password: hasPassword }, reload) {
  if (!linked)
    return [
      h("p", { class: "hint" }, `Link your account, and you can sign in with ${server.openid}.`),
      h("div", {}, leaveButton("link", `Link ${server.openid}…`)),
    ];
  const unlink = async () => {
    await openid.unlink();
    showToast(`You can no longer sign in with ${server.openid}.`);
    await reload();
  };
  return [
    h("p", {}, `Linked since ${describeInstant(since)}.`),
    hasPassword
      ? h("div", {}, actionButton({}, unlink, showError, `Unlink ${server.openid}`))
      : h("p", { class: "hint" }, "Your account has no password, so this is the only way to sign in."),
  ];
}
