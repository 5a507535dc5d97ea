/** The help dialog: keyboard shortcuts and the syntax of quick add. */

import { EXAMPLE } from "../text/quick_add_parser.js";
import { showDialog } from "./dialog.js";
import { h } from "./dom.js";

const KEYS = [
  ["n", "Add a task"],
  ["/", "Search"],
  ["↓ ↑ or j k", "Go through the list"],
  ["Enter", "Open"],
  ["e", "Edit the title"],
  ["Space", "Complete"],
  ["Delete", "Delete"],
  ["u", "Undo"],
  ["Esc", "Close, go back"],
  ["g, then i t u a c", "Inbox, Today, Upcoming, All, Completed"],
  ["?", "This sheet"],
];
const QUICK_ADD_SIGNS = [
  ["!high", "priority: low, medium, high, urgent"],
  ["#Garden", 'a project, created if it is new; #"two words" for more'],
  ["@home", 'a label; @"two words" for more'],
  ["tomorrow", "when, at the end: today, on Friday, in 3 days, next month, 1 December, 2030-01-31"],
  ["18:00", "and at what time: 6pm, at 9:30, tomorrow morning"],
  ["×", "on what was understood: keep the words in the title"],
];

/** Show the dialog. */
export function showHelp() {
  return showDialog(
    "Keys",
    () => [
      definitionList(KEYS),
      h("h3", {}, "Quick add"),
      h("p", { class: "hint" }, EXAMPLE),
      definitionList(QUICK_ADD_SIGNS),
    ],
    {
      wide: true,
    },
  );
}

function definitionList(rows) {
  return h(
    "dl",
    { class: "keys" },
    rows.map(([key, words]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, words)]),
  );
}
