/** Follows what changes on the server, in any tab or on any device: polls the change feed while the page is visible. */

import { changes } from "../api/calls.js";
import { courier } from "./courier.js";
import { distrust, learn } from "./tasks.js";

const INTERVAL = 10_000;

/** Events: `change` when something changed; `restart` before it when the cursor had expired, so that all that is known
 * may be out of date; `reach` when the server becomes reachable or unreachable.
 */
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

/** Tell everything on this page to reload: what is a day has changed, say. */
export function refreshAll() {
  feed.dispatchEvent(new Event("change"));
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
    since ??= await currentCursor();
    for (let more = true; more;) more = await step();
    reach(true);
  } catch (problem) {
    if (!problem.passing) throw problem;
    reach(problem.status === 429);
  }
}

/** Take over one page of changes; returns whether there are more. */
async function step() {
  try {
    const page = await changes(since);
    since = page.cursor;
    learn(page.changes.filter((each) => each.type === "task" && each.data).map((each) => each.data));
    if (page.changes.length) feed.dispatchEvent(new CustomEvent("change", { detail: page.changes }));
    return page.has_more;
  } catch (problem) {
    if (problem.code !== "cursor_expired") throw problem;
    await restart();
    return false;
  }
}

/** Reload everything once. The new cursor is read first, so that no change after it is missed. */
async function restart() {
  since = await currentCursor();
  distrust();
  feed.dispatchEvent(new Event("restart"));
  refreshAll();
}

async function currentCursor() {
  return (await changes("now")).cursor;
}

function reach(now) {
  if (now === reachable) return;
  reachable = now;
  feed.dispatchEvent(new Event("reach"));
}
