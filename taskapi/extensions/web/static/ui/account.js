/** The account page: profile, sessions, password, exports and imports, activity, deletion. */

import { account, session } from "../api/client.js";
import { hasSession } from "../api/http.js";
import { hasRoute, server } from "../api/server.js";
import { reloadEverything } from "../data/change_feed.js";
import { updateAccount } from "../data/edit.js";
import { pendingOperations } from "../data/outbox.js";
import { describeInstant, isKnownZone, listZones, setZone } from "../text/dates.js";
import { emailSettings } from "./account_mail.js";
import { calendarList } from "./calendars.js";
import { canWrite, currentUser, setCurrentUser } from "./current_user.js";
import { confirm } from "./dialog.js";
import { h } from "./dom.js";
import { exportButtons } from "./export_files.js";
import { actionButton, blanksToNull, form, formField } from "./form.js";
import { activityEntry, describeBrowser } from "./format.js";
import { importButton } from "./import_file.js";
import { providerSettings } from "./openid.js";
import { pagedList } from "./paged_list.js";
import { passkeyList } from "./passkeys.js";
import { personalTokenList } from "./personal_tokens.js";
import { secondFactorSettings } from "./second_factor.js";
import { passwordField, signOut } from "./sign_in.js";
import { showError, showToast } from "./toast.js";

const UNKNOWN_ZONE = "This browser does not know your time zone. Dates are shown in UTC. Choose another time zone.";

const EXPORTS = {
  "/me/export": "All data as JSON",
  "/tasks/export.csv": "Tasks as CSV",
  "/tasks/export.ics": "Tasks as iCalendar",
};

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
        h("h1", { tabindex: "-1" }, currentUser().name ?? currentUser().username),
        h("p", { class: "note" }, `${currentUser().username} · ${currentUser().roles.join(", ")}`),
      ),
      actionButton({}, confirmSignOut, showError, "Sign out"),
    ),
    pageSection("Profile", profileForm()),
    server.mail && pageSection("Email address", emailSettings()),
    pageSection("Signed-in devices", sessionList()),
    pageSection("Password", passwordForm()),
    server.passkeys && pageSection("Passkeys", ...passkeyList()),
    server.openid && pageSection(`Sign in with ${server.openid}`, providerSettings()),
    hasRoute("/me/calendars") && pageSection("Calendars", ...calendarList()),
    server.second_factor && pageSection("Second factor", secondFactorSettings()),
    hasRoute("/me/tokens") && pageSection("Personal tokens", ...personalTokenList()),
    dataSection(),
    pageSection("Account activity", pagedList("Activity", account.activity, activityEntry)),
    pageSection("Delete account", deleteAccount()),
  );
}

function pageSection(title, ...contents) {
  return h("section", {}, h("h2", {}, title), ...contents);
}

function dataSection() {
  const parts = [exportButtons(EXPORTS), canWrite() && importButton()].filter(Boolean);
  return parts.length ? pageSection("Your data", ...parts) : null;
}

function profileForm() {
  const zone = h(
    "select",
    { name: "timezone" },
    listZones(currentUser().timezone).map((name) => h("option", { value: name }, name)),
  );
  zone.value = currentUser().timezone;
  const element = form({
    submitLabel: "Save profile",
    edits: true,
    children: [
      formField(
        "Name",
        h("input", { name: "name", autocomplete: "name", maxlength: 100, value: currentUser().name ?? "" }),
      ),
      !server.mail &&
        formField(
          "Email",
          h("input", {
            name: "email",
            type: "email",
            autocomplete: "email",
            maxlength: 254,
            value: currentUser().email ?? "",
          }),
        ),
      formField(
        "Time zone",
        zone,
        isKnownZone(currentUser().timezone) ? "Your days start and end at midnight in this time zone." : UNKNOWN_ZONE,
      ),
    ],
    send: async (changes) => {
      const user = await updateAccount(currentUser(), blanksToNull(changes), {
        load: account.show,
        update: account.change,
      });
      setCurrentUser(user);
      setZone(user.timezone);
      reloadEverything();
    },
    done: () => showToast("Profile saved."),
    reload: (current) => {
      setCurrentUser(current);
      element.replaceWith(profileForm());
    },
  });
  return element;
}

function passwordForm() {
  return form({
    submitLabel: "Change password",
    children: [
      h("input", { hidden: true, autocomplete: "username", value: currentUser().username, "aria-label": "Username" }),
      passwordField("current-password", "Current password", "current_password"),
      passwordField("new-password", "New password", "new_password", "Changing it signs out all your other devices."),
    ],
    send: async (values, element) => {
      await account.changePassword(values.current_password, values.new_password).catch(nameWrongPassword);
      element.reset();
      showToast("Password changed. Your other devices are signed out.");
    },
  });
}

/** Name the field of a wrong password: the server reports it without a field, as at sign-in. */
function nameWrongPassword(problem) {
  if (problem.code !== "invalid_credentials") throw problem;
  throw Object.assign(problem, { errors: { json: { current_password: ["This password is wrong."] } } });
}

function sessionList() {
  const list = pagedList("Devices", session.list, sessionEntry);
  const othersButton = actionButton(
    {},
    async () => {
      await session.endOthers();
      showToast("All other devices are signed out.");
      await list.reload();
    },
    showError,
    "Sign out all other devices",
  );
  return [list, h("div", {}, othersButton)];
}

function sessionEntry(device, reload) {
  const end = async () => {
    await session.end(device.id);
    await reload();
  };
  return h(
    "li",
    {},
    h(
      "div",
      {},
      describeBrowser(device.user_agent),
      h("p", {}, `${device.ip ?? "Unknown address"} · last used ${describeInstant(device.last_used_at)}`),
    ),
    device.current
      ? h("span", { class: "badge" }, "This device")
      : actionButton({ "aria-label": `Sign out ${describeBrowser(device.user_agent)}` }, end, showError, "Sign out"),
  );
}

function deleteAccount() {
  const remove = async () => {
    if (
      !(await confirm(
        "Delete your account?",
        "This permanently deletes your account, your tasks and all your other data. You cannot undo it.",
      ))
    )
      return;
    await account.remove();
    location.replace(location.pathname);
  };
  return [
    h("p", { class: "hint" }, "This permanently deletes your account and all your data."),
    h("div", {}, actionButton({}, remove, showError, "Delete account…")),
  ];
}

async function confirmSignOut() {
  const unsentCount = pendingOperations().length;
  const isCancelled =
    unsentCount &&
    !(await confirm(
      "Sign out?",
      unsentCount === 1
        ? "One change is not saved yet. It stays on this device until you sign in again."
        : `${unsentCount} changes are not saved yet. They stay on this device until you sign in again.`,
      { action: "Sign out" },
    ));
  if (!isCancelled && hasSession()) await signOut();
}
