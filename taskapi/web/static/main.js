/** The browser client of the Task API: no framework, no build step.
 *
 * `text/` knows words and days alone; `api/` speaks HTTP; `data/` keeps what is known and what waits to be sent; `ui/`
 * shows it. Each uses those before it, and none those behind.
 */

import { account } from "./api/calls.js";
import { ask, hasSession } from "./api/http.js";
import * as catalog from "./data/catalog.js";
import * as courier from "./data/courier.js";
import * as follow from "./data/follow.js";
import * as outbox from "./data/outbox.js";
import { setZone } from "./text/days.js";
import { fill, h } from "./ui/dom.js";
import { listen } from "./ui/keyboard.js";
import { shell } from "./ui/shell.js";
import { enterPassword, followSignOut, signInAgain, signInPage } from "./ui/signin.js";
import { me, setPerson } from "./ui/standing.js";
import { applyTheme } from "./ui/theme.js";
import { complain } from "./ui/toast.js";

const root = document.querySelector("#app");

window.addEventListener("unhandledrejection", ({ reason }) => complain(reason));
applyTheme();
await start();

async function start() {
  ask.password = enterPassword;
  ask.signIn = () => signInPage(root);
  if (!hasSession()) await signInPage(root);
  try {
    await enter(await account.show());
  } catch (problem) {
    if (!problem.passing) throw problem;
    fill(
      root,
      h(
        "main",
        { class: "welcome" },
        h("h1", {}, "Not now"),
        h("p", { role: "alert" }, problem.message),
        h("button", { class: "primary", on: { click: start } }, "Try again"),
      ),
    );
  }
}

async function enter(person) {
  setPerson(person);
  setZone(person.timezone);
  ask.signIn = () => signInAgain(me());
  followSignOut();
  await Promise.all([follow.start(), catalog.reload()]);
  outbox.open(person.id);
  courier.start();
  follow.feed.addEventListener("change", () => catalog.reload().catch(() => {}));
  shell(root);
  listen();
}
