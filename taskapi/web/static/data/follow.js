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

/** Start polling. What is read after the returned promise resolves is kept up to date. */
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
  return lookNow(); // in a hidden tab too
}

/** Announce a change that did not go through the outbox, to this tab and the others. */
export function announce() {
  tabs.postMessage("changed");
  look();
}

/** Have everything on this page reloaded, for example after a change of the time zone. */
export function refreshAll() {
  feed.dispatchEvent(new Event("change"));
}

/** Ask for changes, unless the page is hidden. */
export function look() {
  return document.visibilityState === "hidden" ? asking : lookNow();
}

/** Whether the server answered when last asked. */
export function isReachable() {
  return reachable;
}

/** Ask for changes at once; when a request is running, once more after it. */
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
