/** Follows what changes on the server, by whichever tab or device: the feed of changes, asked while somebody looks. */

import { changes, tasks as api } from "../api/calls.js";
import { courier } from "./courier.js";
import { learn } from "./tasks.js";

const INTERVAL = 10_000;

/** Tells `change` when something did, `reach` with whether the server could be reached when that changes. */
export const feed = new EventTarget();

let since = null;
let reachable = true;
let asking = null;
let again = false;
const tabs = new BroadcastChannel("taskapi");

/** Start to follow, from now on: what is read after the promise is kept will be kept up to date. */
export function start() {
  tabs.addEventListener("message", ({ data }) => data === "changed" && look());
  courier.addEventListener("sent", () => {
    tabs.postMessage("changed");
    look();
  });
  for (const moment of ["focus", "online", "pageshow"]) window.addEventListener(moment, look);
  window.addEventListener("offline", () => reach(false));
  document.addEventListener("visibilitychange", look);
  setInterval(look, INTERVAL);
  return lookNow(); // even in a tab that nobody sees yet
}

/** Tell everybody that something was changed past the outbox. */
export function announce() {
  tabs.postMessage("changed");
  look();
}

/** Ask what changed, while somebody looks. */
export function look() {
  return document.visibilityState === "hidden" ? asking : lookNow();
}

/** Whether the server answered when last asked. */
export function isReachable() {
  return reachable;
}

/** Ask at once; where that is being asked, once more behind it. */
function lookNow() {
  again = asking !== null;
  asking ??= ask().finally(() => {
    asking = null;
    if (again) look();
  });
  return asking;
}

async function ask() {
  try {
    since ??= await newest();
    for (let more = true; more;) more = await step();
    reach(true);
  } catch (problem) {
    if (problem.code === "cursor_expired") begin();
    else if (!problem.passing) throw problem;
    else reach(problem.status === 429);
  }
}

/** Behind a purge: look at everything anew, and follow from there. */
function begin() {
  since = null;
  feed.dispatchEvent(new Event("change"));
}

async function step() {
  const page = await changes(since);
  since = page.cursor;
  learn(page.changes.filter((each) => each.type === "task" && each.data).map((each) => each.data));
  if (page.changes.length) feed.dispatchEvent(new CustomEvent("change", { detail: page.changes }));
  return page.has_more;
}

/** The number of the latest change: a version is a cursor of the feed. */
async function newest() {
  const latest = await api.list({ sort: "-updated_at", limit: 1 });
  return latest.items.length ? String(latest.items[0].version) : undefined;
}

function reach(now) {
  if (now === reachable) return;
  reachable = now;
  feed.dispatchEvent(new Event("reach"));
}
