/** Buttons that download files: tasks, those of a project, or the account. */

import { account } from "../api/client.js";
import { buildUrl } from "../api/http.js";
import { hasRoute } from "../api/server.js";
import { showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { showError } from "./toast.js";

const PROJECT_FILES = {
  "/tasks/export.csv": "CSV, for spreadsheets",
  "/tasks/export.ics": "iCalendar, for applications with tasks",
  "/tasks/export.json": "JSON, for an import",
};

/** Return a button for each file that the server offers, or null if there are none. `files` are texts by route. */
export function exportButtons(files, query = {}) {
  const buttons = Object.entries(files)
    .filter(([path]) => hasRoute(path))
    .map(([path, words]) =>
      h("button", { class: "link", on: { click: () => download(buildUrl(path, query)).catch(showError) } }, words),
    );
  return buttons.length ? h("div", { class: "row-links" }, buttons) : null;
}

/** Whether the server offers a file of a project. */
export function canExportProject() {
  return Object.keys(PROJECT_FILES).some(hasRoute);
}

/** Show the files of a project. */
export function exportProject({ id, name }) {
  return showDialog(`Export “${name}”`, () => [
    h("p", { class: "hint" }, "All tasks of the project, completed ones too, without the trash."),
    exportButtons(PROJECT_FILES, { project_id: id }),
  ]);
}

/** Download a file. A request before it refreshes an expired token, which a link cannot do. */
async function download(url) {
  await account.show();
  h("a", { href: url, download: "" }).click();
}
