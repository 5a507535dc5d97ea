/** Calendar addresses on the account page: list, create, copy once, renew, delete. */

import { calendars } from "../api/client.js";
import { catalog, findProject } from "../data/catalog.js";
import { describeInstant } from "../text/dates.js";
import { confirm, showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { actionButton, blanksToNull, form, formField } from "./form.js";
import { pagedList } from "./paged_list.js";
import { showError, showToast } from "./toast.js";

const KINDS = { VTODO: "Tasks", VEVENT: "Events on the days they are due" };

/** Return the contents of the section. */
export function calendarList() {
  const list = pagedList("Calendars", calendars.list, calendarEntry, "You have no calendar addresses.");
  return [
    h(
      "p",
      { class: "hint" },
      "Secret addresses to which calendar applications subscribe. Whoever knows an address can read these tasks, " +
        "until you renew or delete it. It stays valid if you sign out or change your password.",
    ),
    list,
    h("div", {}, h("button", { type: "button", on: { click: () => createCalendar(list.reload) } }, "New address…")),
  ];
}

function calendarEntry(calendar, reload) {
  const { name } = calendar;
  const renew = async () => {
    const text = "Applications can no longer use the current one.";
    if (!(await confirm(`Renew the address of “${name}”?`, text, { action: "Renew" }))) return;
    const renewed = await calendars.rotate(calendar.id);
    await reload();
    await showAddress(renewed);
  };
  const remove = async () => {
    if (!(await confirm(`Delete “${name}”?`, "Applications can no longer read this calendar."))) return;
    await calendars.remove(calendar.id);
    showToast(`“${name}” is deleted.`);
    await reload();
  };
  const use = calendar.last_used_at ? `last used ${describeInstant(calendar.last_used_at)}` : "never used";
  return h(
    "li",
    {},
    h("div", {}, name, h("p", {}, `${describeContents(calendar)} · ${use}`)),
    h(
      "div",
      { class: "buttons" },
      actionButton({ "aria-label": `Renew ${name}` }, renew, showError, "Renew…"),
      actionButton({ "aria-label": `Delete ${name}` }, remove, showError, "Delete…"),
    ),
  );
}

function describeContents({ kind, project_id: id }) {
  return `${KINDS[kind] ?? kind} · ${id ? (findProject(id)?.name ?? "a deleted project") : "all projects"}`;
}

function createCalendar(reload) {
  return showDialog("New calendar address", (close) =>
    form({
      submitLabel: "Create address",
      children: [
        formField(
          "Name",
          h("input", { name: "name", maxlength: 100, required: true, autocomplete: "off" }),
          "Applications show it.",
        ),
        formField("Tasks of", projectField()),
        formField("Shown as", kindField(), "Choose events if your application shows no tasks."),
      ],
      send: (values) => calendars.create(blanksToNull(values)),
      done: async (calendar) => {
        close();
        reload();
        await showAddress(calendar);
      },
    }),
  );
}

function projectField() {
  const projects = catalog.projects.filter((each) => !each.archived);
  const options = [{ id: "", name: "All projects" }, ...projects];
  return h(
    "select",
    { name: "project_id" },
    options.map(({ id, name }) => h("option", { value: id }, name)),
  );
}

function kindField() {
  return h(
    "select",
    { name: "kind" },
    Object.entries(KINDS).map(([kind, label]) => h("option", { value: kind }, label)),
  );
}

/** Show a new address. Escape does not close the dialog, because the address is not shown again. */
function showAddress({ name, url }) {
  return showDialog(
    `Address of “${name}”`,
    (close) => {
      const field = h("input", { readonly: true, value: url });
      const copy = async () => {
        field.select();
        await navigator.clipboard?.writeText(url); // browsers have no clipboard for pages over plain HTTP
        copyButton.textContent = navigator.clipboard ? "Copied" : "Press Ctrl+C";
      };
      const copyButton = actionButton({ class: "primary" }, copy, showError, "Copy");
      return [
        h("p", {}, "Copy the address now, and subscribe to it in your calendar application. It is not shown again."),
        formField("Address", field),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", on: { click: () => close() } }, "Done"),
          copyButton,
        ),
      ];
    },
    { closable: false },
  );
}
