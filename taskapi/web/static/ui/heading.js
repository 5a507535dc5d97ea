/** The head of a list: its name, a note, and what can be done with the whole. */

import { labels as labelsApi, projects as projectsApi } from "../api/calls.js";
import { catalog, nextColor, project, reload } from "../data/catalog.js";
import { announce } from "../data/follow.js";
import { hasDone, labelNamed, VIEWS } from "../data/views.js";
import { confirm, show } from "./dialog.js";
import { h, icon, refill } from "./dom.js";
import { field, form } from "./form.js";
import { go, place, turn } from "./router.js";
import { canWrite } from "./standing.js";
import { toast } from "./toast.js";

const element = h("header", { class: "heading" });
catalog.addEventListener("change", draw);

/** Return the head of the list. */
export function heading() {
  draw();
  return element;
}

/** Ask for a new project, and go there. */
export function addProject() {
  return edit("New project", {}, async (values) => {
    const made = await projectsApi.create(values);
    go({ view: "project", of: made.id });
  });
}

function draw() {
  const { view, of, done } = place();
  const shown = VIEWS[view];
  if (!shown) return;
  const note = shown.note?.(of);
  const title = shown.title(of);
  document.title = `${title} · Tasks`;
  const found = view === "project" ? project(of) : view === "label" ? labelNamed(of) : null;
  const before = element.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  refill(element, [view, title, note, done, found], () => [
    h("div", {}, h("h1", { tabindex: "-1" }, title), note && h("p", { class: "note" }, note)),
    h("div", { class: "actions" }, hasDone(view) && doneSwitch(done), canWrite() && found && ownActions(view, found)),
  ]);
  if (before) element.querySelector(`[aria-label="${CSS.escape(before)}"]`)?.focus();
}

function doneSwitch(done) {
  return h(
    "button",
    {
      class: "toggle",
      "aria-pressed": String(done),
      "aria-label": "Show completed",
      title: "Show completed",
      on: { click: () => turn({ done: !done }, { replace: true }) },
    },
    icon("done"),
    h("span", {}, "Completed"),
  );
}

function ownActions(view, found) {
  const api = view === "project" ? projectsApi : labelsApi;
  return [
    h(
      "button",
      {
        class: "quiet",
        "aria-label": `Edit ${view}`,
        title: `Edit ${view}`,
        on: { click: () => change(view, api, found) },
      },
      icon("edit"),
    ),
    h(
      "button",
      {
        class: "quiet",
        "aria-label": `Delete ${view}`,
        title: `Delete ${view}`,
        on: { click: () => remove(view, api, found) },
      },
      icon("trash"),
    ),
  ];
}

function change(view, api, found) {
  return edit(`Edit ${view}`, found, async (values) => {
    const changed = await api.update(found.id, values);
    if (view === "label") go({ view, of: changed.name }, { replace: true });
  });
}

async function remove(view, api, found) {
  const what = view === "project" ? "It goes to the trash, its tasks with it." : "It is taken off its tasks.";
  if (!(await confirm(`Delete “${found.name}”?`, what))) return;
  await api.remove(found.id);
  const back = place();
  go({ view: "today" }, { replace: true });
  await settle();
  toast(`Deleted “${found.name}”.`, {
    undo: async () => {
      await api.restore(found.id);
      await settle();
      go(back);
    },
  });
}

function edit(title, found, save) {
  return show(title, (close) =>
    form({
      action: "Save",
      children: [
        field(
          "Name",
          h("input", { name: "name", required: true, maxlength: 100, autofocus: true, value: found.name ?? "" }),
        ),
        field("Colour", h("input", { type: "color", name: "color", value: found.color ?? nextColor() })),
        ...("archived" in found || title === "New project"
          ? [
              field(
                "Description",
                h("textarea", { name: "description", rows: 3, maxlength: 2000, value: found.description ?? "" }),
              ),
            ]
          : []),
      ],
      send: async (values) => {
        await save(values);
        await settle();
        close();
      },
    }),
  );
}

async function settle() {
  await reload();
  announce();
}
