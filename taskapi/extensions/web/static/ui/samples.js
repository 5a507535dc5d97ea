/** Three sample tasks that explain the client to the user of a new account. They exist only on the page.
 *
 * They stay until the page is reloaded after the first change, or until the user dismisses them.
 */

import { server } from "../api/server.js";
import { isNewAccount } from "../data/change_feed.js";
import { countDays } from "../text/dates.js";
import { EXAMPLE } from "../text/quick_add_parser.js";
import { canWrite, currentUser } from "./current_user.js";
import { h, icon } from "./dom.js";
import { showHelp } from "./help.js";
import { fillQuickAdd } from "./quick_add.js";
import { routeUrl } from "./router.js";

const element = h("section", { class: "samples", "aria-labelledby": "samples-title", hidden: true });

/** Return the samples. `updateSamples` shows or hides them; `onDismiss` runs after they were dismissed. */
export function samples(onDismiss) {
  element.replaceChildren(
    h(
      "header",
      {},
      h("h2", { id: "samples-title" }, "Three things to try"),
      h("button", { class: "quiet", on: { click: () => dismiss(onDismiss) } }, "Dismiss"),
    ),
    h(
      "ul",
      {},
      sample(
        "Add a task in one line",
        ["Priority, project, label and due date are recognized: ", h("em", {}, EXAMPLE)],
        h("button", { on: { click: () => fillQuickAdd(EXAMPLE) } }, "Try it"),
      ),
      sample(
        "Work with the keyboard",
        [
          key("n"),
          " adds, ",
          key("j"),
          " and ",
          key("k"),
          " move, ",
          key("Space"),
          " completes, ",
          key("u"),
          " undoes.",
        ],
        h("button", { on: { click: showHelp } }, "All keys"),
      ),
      sample(
        "Delete without worry",
        [`Deleted tasks stay in the trash for ${countDays(server.trash_days)}.`],
        h("a", { href: routeUrl({ view: "trash" }) }, "Open the trash"),
      ),
    ),
  );
  return element;
}

/** Show the samples in a new account if `isWanted`, unless they were dismissed. Returns whether they are shown. */
export function updateSamples(isWanted) {
  const isShown = isWanted && canWrite() && isNewAccount() && !localStorage.getItem(dismissedKey());
  element.hidden = !isShown;
  return isShown;
}

function dismiss(onDismiss) {
  localStorage.setItem(dismissedKey(), "1");
  onDismiss();
  document.querySelector("main h1").focus();
}

function dismissedKey() {
  return `taskapi.samples.${currentUser().id}`;
}

function sample(title, text, action) {
  return h(
    "li",
    {},
    h("span", { class: "circle sample-circle" }, icon("check")),
    h("h3", {}, title),
    h("p", {}, text),
    action,
  );
}

function key(name) {
  return h("kbd", {}, name);
}
