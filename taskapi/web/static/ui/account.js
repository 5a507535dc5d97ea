/** One's own account: profile, password, devices, what happened, and taking everything along. */

import { account, session } from "../api/calls.js";
import { hasSession } from "../api/http.js";
import { refreshAll } from "../data/follow.js";
import { waiting } from "../data/outbox.js";
import { describeInstant, isZone, setZone, zones } from "../text/days.js";
import { confirm } from "./dialog.js";
import { h } from "./dom.js";
import { acting, field, form, nullBlanks } from "./form.js";
import { paged } from "./pages.js";
import { passwordField, signOut } from "./signin.js";
import { me, setPerson } from "./standing.js";
import { complain, toast } from "./toast.js";
import { browserOf, entryOfAudit } from "./words.js";

const UNKNOWN_ZONE = "This browser does not know your time zone, so it shows UTC. Choose another one.";

/** Return the page. */
export function accountPage() {
  document.title = "Account · Tasks";
  return h(
    "div",
    { class: "page" },
    h(
      "header",
      { class: "heading" },
      h(
        "div",
        {},
        h("h1", { tabindex: "-1" }, me().name ?? me().username),
        h("p", { class: "note" }, `${me().username} · ${me().roles.join(", ")}`),
      ),
      acting({}, leave, complain, "Sign out"),
    ),
    section("Profile", profile()),
    section("Devices that are signed in", devices()),
    section("Password", password()),
    section("Your data", exports()),
    section("What happened to your account", paged("Activity", account.activity, entryOfAudit)),
    section("Delete the account", removal()),
  );
}

function section(title, ...contents) {
  return h("section", {}, h("h2", {}, title), ...contents);
}

function profile() {
  const zone = h(
    "select",
    { name: "timezone" },
    zones(me().timezone).map((name) => h("option", { value: name }, name)),
  );
  zone.value = me().timezone;
  return form({
    action: "Save profile",
    edits: true,
    children: [
      field("Name", h("input", { name: "name", autocomplete: "name", maxlength: 100, value: me().name ?? "" })),
      field(
        "E-mail",
        h("input", { name: "email", type: "email", autocomplete: "email", maxlength: 254, value: me().email ?? "" }),
      ),
      field("Time zone", zone, isZone(me().timezone) ? "Your days begin and end by it." : UNKNOWN_ZONE),
    ],
    send: async (changes) => {
      const person = await account.change(nullBlanks(changes));
      setPerson(person);
      setZone(person.timezone);
      refreshAll();
    },
    done: () => toast("Your profile is saved."),
  });
}

function password() {
  return form({
    action: "Change password",
    children: [
      h("input", { hidden: true, autocomplete: "username", value: me().username, "aria-label": "Username" }),
      passwordField("current-password", "Current password", "current_password"),
      passwordField("new-password", "New password", "new_password", "All your other devices are signed out."),
    ],
    send: async (values, element) => {
      await account.changePassword(values.current_password, values.new_password);
      element.reset();
      toast("Your password is changed; other devices are signed out.");
    },
  });
}

function devices() {
  const shown = paged("Devices", session.list, device);
  const others = acting(
    {},
    async () => {
      await session.endOthers();
      toast("All other devices are signed out.");
      await shown.reload();
    },
    complain,
    "Sign out all others",
  );
  return [shown, h("div", {}, others)];
}

function device(each, reload) {
  const end = async () => {
    await session.end(each.id);
    await reload();
  };
  return h(
    "li",
    {},
    h(
      "div",
      {},
      browserOf(each.user_agent),
      h("p", {}, `${each.ip ?? "No address"} · last used ${describeInstant(each.last_used_at)}`),
    ),
    each.current
      ? h("span", { class: "badge" }, "This device")
      : acting({ "aria-label": `Sign out ${browserOf(each.user_agent)}` }, end, complain, "Sign out"),
  );
}

function exports() {
  const take = (path, words) =>
    h("button", { class: "link", on: { click: () => download(path).catch(complain) } }, words);
  return h(
    "div",
    { class: "row-links" },
    take("api/v1/me/export", "Everything, as JSON"),
    take("api/v1/tasks/export.csv", "Tasks as CSV"),
    take("api/v1/tasks/export.ics", "Tasks as iCalendar"),
  );
}

/** Follow a link to a file, with a session that is surely good: the browser itself cannot renew it. */
async function download(path) {
  await account.show();
  h("a", { href: path, download: "" }).click();
}

function removal() {
  const remove = async () => {
    if (
      !(await confirm(
        "Delete your account?",
        "Your account, your tasks and everything else of yours are erased. There is no way back.",
      ))
    )
      return;
    await account.remove();
    location.replace(location.pathname);
  };
  return [
    h("p", { class: "hint" }, "Everything that you own here is erased, for good."),
    h("div", {}, acting({}, remove, complain, "Delete account…")),
  ];
}

async function leave() {
  const unsent = waiting().length;
  const stay =
    unsent &&
    !(await confirm(
      "Sign out?",
      unsent === 1
        ? "One change is not saved yet. It stays on this device until you sign in again."
        : `${unsent} changes are not saved yet. They stay on this device until you sign in again.`,
      { action: "Sign out" },
    ));
  if (!stay && hasSession()) await signOut();
}
