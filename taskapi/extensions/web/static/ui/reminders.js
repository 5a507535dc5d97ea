/** Shows each reminder at its time while the page is open; also as a notification, if the user allows it. */

import { reminders as api, tasks } from "../api/client.js";
import { serverNow } from "../api/http.js";
import { hasRoute } from "../api/server.js";
import { changeFeed } from "../data/change_feed.js";
import { OPEN_STATUSES } from "../data/views.js";
import { h, icon } from "./dom.js";
import { updateRoute } from "./router.js";

const LOOK_MS = 1_000;
const RELOAD_MS = 600_000;
const LATE_MS = 24 * 3600 * 1000; // a reminder that is later than this is not shown, for example after a long sleep

const region = h("div", { class: "reminders", role: "alert" });
const seen = new Set(); // the keys of those that were shown: the clock of the server may be behind
let upcoming = new Map();

/** Return the region that shows the reminders. It follows the change feed. */
export function reminderRegion() {
  if (hasRoute("/reminders")) {
    changeFeed.addEventListener("change", load);
    setInterval(load, RELOAD_MS);
    setInterval(showDue, LOOK_MS);
    load();
  }
  return region;
}

/** Ask whether the page may show notifications, once, after an action of the user. */
export function askForNotifications() {
  if (globalThis.Notification?.permission === "default") Notification.requestPermission();
}

/** Read the reminders that are next. The list has none in the past, so those that are due stay until they are shown. */
async function load() {
  const page = await api.list().catch(() => null); // without a connection, the list stays
  if (!page) return;
  const due = [...upcoming.values()].filter(isDue);
  const unseen = [...due, ...page.items].filter((each) => !seen.has(keyOf(each)));
  upcoming = new Map(unseen.map((each) => [keyOf(each), each]));
}

async function showDue() {
  const due = [...upcoming.values()].filter(isDue);
  for (const key of due.map(keyOf)) {
    upcoming.delete(key);
    seen.add(key);
  }
  for (const reminder of due) if (await isWanted(reminder)) show(reminder);
}

function keyOf({ at, task_id: id }) {
  return `${id} ${at}`;
}

function isDue({ at }) {
  return Date.parse(at) <= serverNow();
}

/** Whether the task is still open. Without a connection, the reminder is shown. */
async function isWanted({ at, task_id: id }) {
  if (serverNow() - Date.parse(at) > LATE_MS) return false;
  try {
    const task = await tasks.show(id);
    return OPEN_STATUSES.includes(task.status) && !task.deleted_at;
  } catch (problem) {
    return problem.isRetryable;
  }
}

function show(reminder) {
  const { task_id: id, title } = reminder;
  const open = () => {
    card.remove();
    updateRoute({ task: id });
  };
  const card = h(
    "div",
    { class: "toast" },
    icon("alarm"),
    h("span", {}, "Reminder: ", h("button", { class: "link", dir: "auto", on: { click: open } }, title)),
    h("button", { class: "quiet", "aria-label": `Dismiss: ${title}`, on: { click: () => card.remove() } }, "×"),
  );
  region.append(card);
  notify(title, keyOf(reminder), open);
}

/** Show a notification. All tabs use one tag for a reminder, so it is shown once. */
function notify(title, tag, open) {
  if (globalThis.Notification?.permission !== "granted") return;
  try {
    const notification = new Notification(title, { tag, body: "Reminder" });
    notification.addEventListener("click", () => {
      window.focus();
      open();
      notification.close();
    });
  } catch {
    // Browsers of phones allow notifications only to service workers
  }
}
