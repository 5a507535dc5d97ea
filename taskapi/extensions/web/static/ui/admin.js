/** The administration page: users, the audit log, statistics. */

import { admin } from "../api/client.js";
import { h, setChildren } from "./dom.js";
import { auditLogEntry, describeEvent } from "./format.js";
import { pagedList } from "./paged_list.js";
import { routeUrl } from "./router.js";
import { showError } from "./toast.js";
import { addUser, ROLES, userEntry } from "./users.js";

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
  "token_created",
  "token_deleted",
  "second_factor_enabled",
  "second_factor_disabled",
  "recovery_codes_created",
  "recovery_code_used",
];
const TABS = { users: ["Users", usersTab], audit: ["Audit log", auditTab], statistics: ["Statistics", statisticsTab] };

/** Return the page with the tab that the route names. */
export function adminPage(param) {
  document.title = "Administration · Tasks";
  const [, contents] = TABS[param] ?? TABS.users;
  const link = ([name, [words]]) =>
    h(
      "a",
      { href: routeUrl({ view: "admin", param: name }), "aria-current": (param || "users") === name ? "page" : null },
      words,
    );
  return h(
    "div",
    { class: "page" },
    h("header", {}, h("h1", { tabindex: "-1" }, "Administration")),
    h("nav", { class: "tabs", "aria-label": "Administration" }, Object.entries(TABS).map(link)),
    h("section", { "aria-label": TABS[param]?.[0] ?? "Users" }, contents()),
  );
}

function usersTab() {
  const [filters, list] = filteredList(
    "Users",
    [
      h("input", {
        type: "search",
        name: "q",
        placeholder: "Find users",
        "aria-label": "Find users",
        maxlength: 200,
      }),
      filterSelect("role", "Role", [["", "Any role"], ...ROLES.map((role) => [role, role])]),
      filterSelect("active", "Status", [
        ["", "Any status"],
        ["true", "Active"],
        ["false", "Deactivated"],
      ]),
    ],
    admin.list,
    userEntry,
  );
  filters.append(
    h("button", { type: "button", class: "primary", on: { click: () => addUser(list.reload) } }, "New user"),
  );
  return [filters, list];
}

function auditTab() {
  return filteredList(
    "Audit log",
    [
      filterSelect("event", "Event", [["", "Any event"], ...EVENTS.map((event) => [event, describeEvent(event)])]),
      h("input", {
        name: "subject",
        placeholder: "Subject (user ID)",
        "aria-label": "Subject (user ID)",
      }),
      h("input", { name: "actor", placeholder: "Actor (user ID)", "aria-label": "Actor (user ID)" }),
    ],
    admin.audit,
    auditLogEntry,
  );
}

/** Return filter controls and the list below them; a change of a control reloads the list. */
function filteredList(label, controls, read, entry) {
  const controlsForm = h(
    "form",
    { class: "filters", role: "search", "aria-label": label, on: { submit: (event) => event.preventDefault() } },
    controls,
  );
  const list = pagedList(label, (cursor) => read({ ...Object.fromEntries(new FormData(controlsForm)), cursor }), entry);
  controlsForm.addEventListener("input", () => list.reload());
  return [controlsForm, list];
}

function statisticsTab() {
  const element = h("dl", { class: "figures" });
  admin.stats().then(({ users_by_role: roles, ...stats }) => {
    const named = Object.entries(stats).map(([name, value]) => [describeEvent(name), value]);
    const byRole = Object.entries(roles).map(([role, value]) => [`Users with role ${role}`, value]);
    setChildren(
      element,
      [...named, ...byRole].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))),
    );
  }, showError);
  return element;
}

function filterSelect(name, label, options) {
  return h(
    "select",
    { name, "aria-label": label },
    options.map(([value, words]) => h("option", { value }, words)),
  );
}
