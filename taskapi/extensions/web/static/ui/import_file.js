/** Import of a file: the server checks it first, then the user confirms. Errors are shown by row. */

import { tasks as api } from "../api/client.js";
import { hasRoute } from "../api/server.js";
import { announceChange } from "../data/change_feed.js";
import { errorsByRow } from "../data/import_errors.js";
import { showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { actionButton, form } from "./form.js";
import { showError, showToast } from "./toast.js";

const FORMS = ["csv", "json"];
const MAX_SHOWN_ROWS = 100;

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
    h("p", { class: "hint" }, "Tasks as CSV with a column “title”, or as JSON. All rows are imported, or none."),
  );
}

/** Let the server check a file, then ask for a confirmation or show the errors. */
async function checkFile(file, forms) {
  const type = forms.find((each) => file.name.toLowerCase().endsWith(`.${each}`));
  if (!type) throw new Error(`Choose a file that ends with ${forms.map((each) => `.${each}`).join(" or ")}.`);
  const content = await file.arrayBuffer();
  try {
    const found = await api.importFile(type, content, { dryRun: true });
    await confirmImport(file.name, type, content, found);
  } catch (problem) {
    if (!problem.status || problem.isRetryable) throw problem;
    await showErrors(file.name, problem, errorsByRow(problem, type));
  }
}

/** The key makes a repeated request harmless: the file is imported once, even if a response is lost. */
function confirmImport(name, type, content, found) {
  const key = [...crypto.getRandomValues(new Uint32Array(4))].map((number) => number.toString(36)).join("-");
  return showDialog(`Import “${name}”?`, (close) =>
    form({
      submitLabel: "Import",
      children: [h("p", {}, `The file adds ${describe(found)}.`)],
      extra: [h("button", { type: "button", on: { click: () => close() } }, "Cancel")],
      send: () => api.importFile(type, content, { key }),
      done: (created) => {
        close();
        announceChange();
        showToast(`Imported ${describe(created)}.`);
      },
    }),
  );
}

function showErrors(name, problem, rows) {
  const hidden = Math.max(problem.invalid_rows ?? 0, rows.length) - Math.min(rows.length, MAX_SHOWN_ROWS);
  return showDialog(
    `“${name}” cannot be imported`,
    (close) => [
      h(
        "p",
        {},
        rows.length ? "Nothing was imported. Correct these errors, then import the file again." : problem.message,
      ),
      h(
        "ul",
        { class: "row-errors", "aria-label": "Errors" },
        rows.slice(0, MAX_SHOWN_ROWS).map(({ place, messages }) =>
          h(
            "li",
            {},
            h("strong", {}, place),
            h(
              "div",
              {},
              messages.map((message) => h("p", {}, message)),
            ),
          ),
        ),
      ),
      hidden > 0 && h("p", { class: "hint" }, `And ${hidden} more.`),
      h("div", { class: "buttons" }, h("button", { class: "primary", on: { click: () => close() } }, "Close")),
    ],
    { wide: true },
  );
}

function describe({ created, projects, labels }) {
  const parts = [[created, "task"], projects && [projects, "project"], labels && [labels, "label"]];
  return parts
    .filter(Boolean)
    .map(([count, noun]) => (count === 1 ? `1 ${noun}` : `${count} ${noun}s`))
    .join(", ");
}
