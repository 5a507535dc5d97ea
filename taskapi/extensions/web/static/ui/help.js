/** The help dialog: keyboard shortcuts and the syntax of quick add. */

import { EXAMPLE } from "../text/quick_add_parser.js";
import { showDialog } from "./dialog.js";
import { h } from "./dom.js";

const KEYS = [
  ["n", "Add a task"],
  ["/", "Search"],
  ["↓ ↑ or j k", "Move through the list"],
  ["Enter", "Open the task"],
  ["e", "Edit the title"],
  ["Space", "Complete the task"],
  ["x", "Select the task"],
  ["X", "Select all tasks up to this one"],
  ["Alt ↓ Alt ↑", "Move the task in the manual order, or the subtask"],
  ["Delete", "Delete the task, or the selected tasks"],
  ["u", "Undo"],
  ["Esc", "Close or go back"],
  ["g, then i t u a c", "Inbox, Today, Upcoming, All, Completed"],
  ["?", "This help"],
];
const QUICK_ADD_SIGNS = [
  ["!high", "Priority: low, medium, high or urgent"],
  ["#Garden", 'Project, created if it does not exist. Quote names with spaces: #"The Shop"'],
  ["@home", 'Label. Quote names with spaces: @"far away"'],
  ["tomorrow", "Due date, at the end: today, on Friday, in 3 days, next month, 1 December, 2030-01-31"],
  [
    "every Monday",
    "Repeat, at the end: every day, every 2 weeks, every weekday 9am, every 15th. every! counts from completion",
  ],
  ["18:00", "Due time: 6pm, at 9:30, tomorrow morning"],
  ["×", "On a chip: keep its words in the title"],
];

/** Show the dialog. */
export function showHelp() {
  return showDialog(
    "Keyboard shortcuts",
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
