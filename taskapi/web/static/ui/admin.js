/** Administration: people, the audit log, figures. */

import { admin } from "../api/calls.js";
import { fill, h } from "./dom.js";
import { paged } from "./pages.js";
import { address } from "./router.js";
import { addPerson, personEntry, ROLES } from "./people.js";
import { complain } from "./toast.js";
import { entryOfAll, eventWords } from "./words.js";

const EVENTS = [
  "sign_in",
  "sign_in_failed",
  "sign_out",
  "refresh_token_repeated",
  "refresh_token_theft",
  "password_changed",
  "profile_changed",
  "roles_changed",
  "activated",
  "deactivated",
  "created",
  "deleted",
  "exported",
  "imported",
  "keys_changed",
  "tokens_invalidated",
  "access_refused",
];
const TABS = { people: ["People", people], audit: ["Audit log", audit], figures: ["Figures", figures] };

/** Return the page, open at one of its tabs. */
export function adminPage(of) {
  document.title = "Administration · Tasks";
  const [, contents] = TABS[of] ?? TABS.people;
  const link = ([name, [words]]) =>
    h(
      "a",
      { href: address({ view: "admin", of: name }), "aria-current": (of || "people") === name ? "page" : null },
      words,
    );
  return h(
    "div",
    { class: "page" },
    h("header", {}, h("h1", { tabindex: "-1" }, "Administration")),
    h("nav", { class: "tabs", "aria-label": "Administration" }, Object.entries(TABS).map(link)),
    h("section", { "aria-label": TABS[of]?.[0] ?? "People" }, contents()),
  );
}

function people() {
  const [filters, shown] = filtered(
    "People",
    [
      h("input", {
        type: "search",
        name: "q",
        placeholder: "Find people",
        "aria-label": "Find people",
        maxlength: 200,
      }),
      select("role", "Role", [["", "Any role"], ...ROLES.map((role) => [role, role])]),
      select("active", "State", [
        ["", "Active or not"],
        ["true", "Active"],
        ["false", "Deactivated"],
      ]),
    ],
    admin.list,
    personEntry,
  );
  filters.append(
    h("button", { type: "button", class: "primary", on: { click: () => addPerson(shown.reload) } }, "New person"),
  );
  return [filters, shown];
}

function audit() {
  return filtered(
    "Audit log",
    [
      select("event", "Event", [["", "Any event"], ...EVENTS.map((event) => [event, eventWords(event)])]),
      h("input", {
        name: "subject",
        placeholder: "Whom it happened to, by id",
        "aria-label": "Whom it happened to, by id",
      }),
      h("input", { name: "actor", placeholder: "Who did it, by id", "aria-label": "Who did it, by id" }),
    ],
    admin.audit,
    entryOfAll,
  );
}

/** Return controls, and under them a list that is read anew whenever one of them changes. */
function filtered(label, controls, read, entry) {
  const controlsForm = h(
    "form",
    { class: "filters", role: "search", "aria-label": label, on: { submit: (event) => event.preventDefault() } },
    controls,
  );
  const shown = paged(label, (cursor) => read({ ...Object.fromEntries(new FormData(controlsForm)), cursor }), entry);
  controlsForm.addEventListener("input", () => shown.reload());
  return [controlsForm, shown];
}

function figures() {
  const element = h("dl", { class: "figures" });
  admin.stats().then(({ users_by_role: roles, ...stats }) => {
    const named = Object.entries(stats).map(([name, value]) => [eventWords(name), value]);
    const byRole = Object.entries(roles).map(([role, value]) => [`With the role ${role}`, value]);
    fill(
      element,
      [...named, ...byRole].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))),
    );
  }, complain);
  return element;
}

function select(name, label, options) {
  return h(
    "select",
    { name, "aria-label": label },
    options.map(([value, words]) => h("option", { value }, words)),
  );
}
