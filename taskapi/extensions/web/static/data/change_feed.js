/** Reads the change feed while the page is visible, and so shows changes of other tabs and devices.
 *
 * The stream of changes tells when there is something to read. Without a stream, the client polls.
 */

import { changes } from "../api/client.js";
import { isStreaming, updateStream } from "./change_stream.js";
import { syncEvents } from "./sync_queue.js";
import { markAllStale, storeTasks } from "./task_store.js";

const POLL_MS = 10_000;

/** Events: `change` when something changed; `restart` before it when the cursor had expired and all loaded data may be
 * out of date; `reach` when the server becomes reachable or unreachable.
 */
export const changeFeed = new EventTarget();

let cursor = null;
let firstCursor = null;
let isReachable = true;
let polling = null;
let pollAgain = false;
const tabChannel = new BroadcastChannel("taskapi");

/** Start polling. Data that is loaded after the promise resolves is kept up to date. */
export function startPolling() {
  tabChannel.addEventListener("message", ({ data }) => data === "changed" && poll());
  syncEvents.addEventListener("sent", () => {
    tabChannel.postMessage("changed");
    poll();
  });
  for (const event of ["focus", "online", "pageshow"]) window.addEventListener(event, poll);
  window.addEventListener("offline", () => setReachable(false));
  document.addEventListener("visibilitychange", () => {
    followStream();
    poll();
  });
  setInterval(() => {
    followStream();
    if (!isStreaming()) poll();
  }, POLL_MS);
  return pollNow().finally(followStream); // even if the tab is hidden
}

/** Open the stream, unless it is open or the page is hidden. A refused stream is opened again after a poll. */
function followStream() {
  updateStream(
    (changed) => changed === cursor || poll(),
    () => poll()?.then(followStream),
  );
}

/** Announce a change that bypassed the outbox, in this tab and the others. */
export function announceChange() {
  tabChannel.postMessage("changed");
  poll();
}

/** Reload everything on the page, for example after a change of the time zone. */
export function reloadEverything() {
  changeFeed.dispatchEvent(new Event("change"));
}

/** Read new changes, unless the page is hidden. */
export function poll() {
  return document.visibilityState === "hidden" ? polling : pollNow();
}

/** Whether the account had never had a task, project or label when the page was loaded. */
export function isNewAccount() {
  return firstCursor === "0";
}

/** Whether the server responded to the last request. */
export function isServerReachable() {
  return isReachable;
}

/** Read new changes now; if a request is running, once more after it. */
function pollNow() {
  pollAgain = polling !== null;
  polling ??= readChanges().finally(() => {
    polling = null;
    if (pollAgain) poll();
  });
  return polling;
}

async function readChanges() {
  try {
    cursor ??= await readCurrentCursor();
    firstCursor ??= cursor;
    for (let hasMore = true; hasMore;) hasMore = await readPage();
    setReachable(true);
  } catch (problem) {
    if (!problem.isRetryable) throw problem;
    setReachable(problem.status === 429);
  }
}

/** Read and apply one page of changes. Returns whether there are more. */
async function readPage() {
  try {
    const page = await changes(cursor);
    cursor = page.cursor;
    storeTasks(page.changes.filter((each) => each.type === "task" && each.data).map((each) => each.data));
    if (page.changes.length) changeFeed.dispatchEvent(new CustomEvent("change", { detail: page.changes }));
    return page.has_more;
  } catch (problem) {
    if (problem.code !== "cursor_expired") throw problem;
    await restartFeed();
    return false;
  }
}

/** Reload everything once. The new cursor is read first, so that no change after it is missed. */
async function restartFeed() {
  cursor = await readCurrentCursor();
  markAllStale();
  changeFeed.dispatchEvent(new Event("restart"));
  reloadEverything();
}

async function readCurrentCursor() {
  return (await changes("now")).cursor;
}

function setReachable(value) {
  if (value === isReachable) return;
  isReachable = value;
  changeFeed.dispatchEvent(new Event("reach"));
}
