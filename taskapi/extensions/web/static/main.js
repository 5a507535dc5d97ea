/** The browser client of the Task API: no framework, no build step.
 *
 * `text/` parses and formats text and dates; `api/` sends requests; `data/` holds the state and the changes to send;
 * `ui/` renders it. Each folder imports only from itself and from the folders before it.
 */

import { account, secondFactor } from "./api/client.js";
import { authPrompts, hasSession } from "./api/http.js";
import { server } from "./api/server.js";
import * as catalog from "./data/catalog.js";
import * as changeFeed from "./data/change_feed.js";
import * as outbox from "./data/outbox.js";
import * as syncQueue from "./data/sync_queue.js";
import { setZone } from "./text/dates.js";
import { followMailLink } from "./ui/account_mail.js";
import { currentUser, setCurrentUser } from "./ui/current_user.js";
import { h, setChildren } from "./ui/dom.js";
import { listenToKeys } from "./ui/keyboard.js";
import { returnFromProvider } from "./ui/openid.js";
import { requireSecondFactor } from "./ui/second_factor.js";
import { showShell } from "./ui/shell.js";
import { confirmPassword, reloadOnSignOut, signInAgain, signOut } from "./ui/sign_in.js";
import { applyTheme } from "./ui/theme.js";
import { showError, showToast } from "./ui/toast.js";
import { showWelcomePage } from "./ui/welcome.js";

const appRoot = document.querySelector("#app");

window.addEventListener("unhandledrejection", ({ reason }) => showError(reason));
applyTheme();
await startClient();

async function startClient() {
  authPrompts.password = confirmPassword;
  authPrompts.signIn = () => showWelcomePage(appRoot);
  await followMailLink(appRoot);
  const { notice, challenge, link } = await returnFromProvider();
  if (!hasSession() || challenge) await showWelcomePage(appRoot, { notice, challenge });
  else if (notice) showToast(notice);
  try {
    const [user, factor] = await Promise.all([account.show(), server.second_factor && secondFactor.show()]);
    setCurrentUser(user);
    if (factor && factor.required && !factor.enabled) await requireSecondFactor(appRoot, factor, signOut);
    await openSession(user, link);
  } catch (problem) {
    if (!problem.isRetryable) throw problem;
    setChildren(
      appRoot,
      h(
        "main",
        { class: "welcome" },
        h("h1", {}, "The server is unavailable"),
        h("p", { role: "alert" }, problem.message),
        h("button", { class: "primary", on: { click: startClient } }, "Try again"),
      ),
    );
  }
}

async function openSession(user, link) {
  setZone(user.timezone);
  authPrompts.signIn = () => signInAgain(currentUser());
  reloadOnSignOut();
  await link?.();
  await Promise.all([changeFeed.startPolling(), catalog.reloadCatalog()]);
  outbox.openOutbox(user.id);
  syncQueue.startSync();
  changeFeed.changeFeed.addEventListener("change", () => catalog.reloadCatalog().catch(() => {}));
  showShell(appRoot);
  listenToKeys();
}
