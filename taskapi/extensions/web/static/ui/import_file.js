/** Import of a file: the server checks it first, then the user confirms. Errors are shown by row. */

import { tasks as api } from "../api/client.js";
import { newRequestKey } from "../api/http.js";
import { hasRoute } from "../api/server.js";
import { announceChange } from "../data/change_feed.js";
import { errorsByRow, warningsByRow } from "../data/import_errors.js";
import { showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { actionButton, form } from "./form.js";
import { showError, showToast } from "./toast.js";

const FORMS = ["csv", "ics", "json"];
const HINTS = {
  csv: "CSV: a table with a column “title”, or the file of another application.",
  ics: "ICS: a calendar with tasks.",
  json: "JSON: a file of this service.",
};
const UNKNOWN_ENCODING =
  "This is not a text file, or its encoding is unknown. Save it as UTF-8, and import it again.";
const MAX_SHOWN_ROWS = 100;
const APPLICATIONS = {
  todoist: "Todoist",
  ticktick: "TickTick",
  asana: "Asana",
  trello: "Trello",
  vikunja: "Vikunja",
};

/** Return a button that imports a file, or null where the server cannot import. */
export function importButton() {
  const forms = FORMS.filter((each) => hasRoute(`/tasks/import.${each}`));
  if (!forms.length) return null;
  const input = h("input", {
    type: "file",
    hidden: true,
    accept: forms.map((each) => `.${each}`).join(","),
    "aria-label": "File to import",
  });
  const button = actionButton({}, choose, showError, "Import a file…");

  async function choose() {
    input.value = "";
    const [file] = await new Promise((resolve) => {
      input.onchange = () => resolve(input.files);
      input.oncancel = () => resolve([]);
      input.click();
    });
    if (file) await checkFile(file, forms);
  }

  return h(
    "div",
    {},
    button,
    input,
    h("p", { class: "hint" }, `${forms.map((each) => HINTS[each]).join(" ")} All tasks are imported, or none.`),
  );
}

/** Let the server check a file, then ask for a confirmation or show the errors. `options` say how to read it. */
async function checkFile(file, forms) {
  const type = forms.find((each) => file.name.toLowerCase().endsWith(`.${each}`));
  if (!type) throw new Error(`Choose a file that ends with ${forms.map((each) => `.${each}`).join(" or ")}.`);
  await checkContent({ name: file.name, type, content: await file.arrayBuffer(), options: {} });
}

async function checkContent(file) {
  try {
    const found = await api.importFile(file.type, file.content, { dryRun: true, options: file.options });
    await confirmImport(file, found);
  } catch (problem) {
    if (!problem.status || problem.isRetryable) throw problem;
    await showErrors(file, problem, errorsByRow(problem, file.type));
  }
}

/** The key makes a repeated request harmless: the file is imported once, even if a response is lost. */
function confirmImport({ name, type, content, options }, found) {
  const key = newRequestKey();
  const warnings = warningsByRow(found, type);
  return showDialog(
    `Import “${name}”?`,
    (close) =>
      form({
        submitLabel: "Import",
        children: [
          h("p", {}, `The file adds ${describe(found)}.`),
          ...describeSource(found.source).map((text) => h("p", { class: "hint" }, text)),
          ...(warnings.length ? rowList("Warnings", warnings, found.warning_count) : []),
        ],
        extra: [h("button", { type: "button", on: { click: () => close() } }, "Cancel")],
        send: () => api.importFile(type, content, { key, options }),
        done: (created) => {
          close();
          announceChange();
          const warned = created.warning_count ? ` ${countOf(created.warning_count, "warning")}.` : "";
          showToast(`Imported ${describe(created)}.${warned}`);
        },
      }),
    { wide: warnings.length > 0 },
  );
}

function showErrors(file, problem, rows) {
  return showDialog(
    `“${file.name}” cannot be imported`,
    (close) => [
      h(
        "p",
        {},
        rows.length
          ? "Nothing was imported. Correct these errors, then import the file again."
          : describeProblem(problem),
      ),
      ...rowList("Errors", rows, problem.invalid_rows ?? 0),
      h(
        "div",
        { class: "buttons" },
        ...remedies(rows).map(([label, option]) => {
          const retry = () => {
            close();
            checkContent({ ...file, options: { ...file.options, ...option } }).catch(showError);
          };
          return h("button", { type: "button", on: { click: retry } }, label);
        }),
        h("button", { class: "primary", on: { click: () => close() } }, "Close"),
      ),
    ],
    { wide: true },
  );
}

/** Return the message of an error of the whole file. The page has no field to state an encoding. */
function describeProblem({ message }) {
  return message.includes("State the encoding") ? UNKNOWN_ENCODING : message;
}

/** Return the options that can remove these errors, with the texts of their buttons. */
function remedies(rows) {
  const messages = rows.flatMap((row) => row.messages);
  const isAmbiguous = messages.some((message) => message.includes("date_order="));
  const isUnknownColumn = ({ place, messages: [first] }) => /^“/u.test(place) && first.startsWith("Unknown field.");
  const isUnknown = rows.some(isUnknownColumn);
  return [
    ...(isAmbiguous
      ? [
          ["Day first (31/1/2030)", { date_order: "dmy" }],
          ["Month first (1/31/2030)", { date_order: "mdy" }],
        ]
      : []),
    ...(isUnknown ? [["Ignore unknown columns", { ignore_unknown: "true" }]] : []),
  ];
}

/** Return the elements of a list of messages by row, and of how many are not listed. */
function rowList(label, rows, count) {
  const shown = rows.slice(0, MAX_SHOWN_ROWS);
  const hidden = Math.max(count, rows.length) - shown.length;
  const items = shown.map(({ place, messages }) => {
    const texts = messages.map((message) => h("p", {}, message));
    return h("li", {}, h("strong", {}, place), h("div", {}, texts));
  });
  return [
    h("ul", { class: "row-errors", "aria-label": label }, items),
    hidden > 0 && h("p", { class: "hint" }, `And ${hidden} more.`),
  ];
}

/** Return sentences about what the server has recognized in a file. */
function describeSource(source) {
  if (!source) return [];
  const { application, delimiter, encoding, ignored_columns: ignored = [] } = source;
  const name = APPLICATIONS[application];
  if (!delimiter) return [application ? `Written by ${application}.` : "A calendar."];
  return [
    [
      name ? `Read as a file of ${name}` : "Read as a table",
      `separated by ${delimiter}`,
      encoding && encoding !== "utf-8" && `in ${encoding}`,
    ]
      .filter(Boolean)
      .join(", ") + ".",
    ignored.length > 0 && `Columns that are not imported: ${ignored.join(", ")}.`,
  ].filter(Boolean);
}

function describe({ created, projects, labels }) {
  const parts = [[created, "task"], projects && [projects, "project"], labels && [labels, "label"]];
  return parts
    .filter(Boolean)
    .map(([count, noun]) => countOf(count, noun))
    .join(", ");
}

function countOf(count, noun) {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
