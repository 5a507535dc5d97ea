/** Sends the operations of the outbox: in order, by one tab at a time, with retries. */

import { tasks } from "../api/client.js";
import { withLock } from "../api/lock.js";
import { findConflicts, remainingChanges } from "./merge.js";
import { applyResult, dropCache, outboxEvents, pendingOperations, removeOperations, saveOperation } from "./outbox.js";

const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
const MAX_BATCH_SIZE = 100;

/** Event: `sent` with `{operation, task}`; `task` is the response of the server. */
export const syncEvents = new EventTarget();

let retryDelay = FIRST_RETRY_MS;
let retryTimer = 0;
let isBlocked = false;
/** Groups of which the server rejected an operation. */
const rejectedGroups = new Set();

/** Start to send operations. */
export function startSync() {
  outboxEvents.addEventListener("due", sendQueue);
  window.addEventListener("online", sendQueue);
  sendQueue();
}

/** Whether the last request got no response, or a temporary error. */
export function isSyncBlocked() {
  return isBlocked;
}

/** Send all operations that can be sent. A lock ensures that only one tab sends. */
function sendQueue() {
  clearTimeout(retryTimer);
  return withLock("taskapi-outbox", sendPending).catch(scheduleRetry);
}

async function sendPending() {
  dropCache(); // the tab that had the lock may have sent operations since the last event
  for (let next = nextOperation(); next; next = nextOperation()) {
    const restore = findUndoing(next);
    if (restore) removeOperations(next, restore);
    else if (isMovedAgain(next)) removeOperations(next);
    else if (!(await sendGroup(next))) await send(joinUpdates(next));
    retryDelay = FIRST_RETRY_MS;
    isBlocked = false;
  }
}

/** Return the first operation that can be sent. A rejected operation blocks those of the same task. */
function nextOperation() {
  const blockedIds = new Set();
  return pendingOperations().find((operation) => {
    if (operation.failure) blockedIds.add(operation.id);
    return !blockedIds.has(operation.id);
  });
}

/** Return the restore that directly follows this removal: neither has to be sent. */
function findUndoing({ kind, id, key }) {
  const next = pendingOperations().find((each) => each.id === id && each.key > key);
  return kind === "remove" && next?.kind === "restore" ? next : null;
}

/** Whether the next operation of all is another move of the same task: this one has no effect. */
function isMovedAgain({ kind, id, key }) {
  const next = pendingOperations().find((each) => each.key > key);
  return kind === "move" && next?.kind === "move" && next.id === id;
}

/** Merge consecutive updates of a task into one, so that a conflict shows all its fields at once. */
function joinUpdates(operation) {
  if (operation.kind !== "update") return operation;
  const taskOperations = pendingOperations().filter((each) => each.id === operation.id);
  const end = taskOperations.findIndex((each) => each.kind !== "update" || each.failure);
  const updates = end < 0 ? taskOperations : taskOperations.slice(0, end);
  const merged = { ...operation, changes: Object.assign({}, ...updates.map((each) => each.changes)) };
  if (updates.length > 1) saveOperation(merged);
  removeOperations(...updates.filter(({ key }) => key !== operation.key));
  return merged;
}

/** Send the operations of a group in one request. Returns false if each has to be sent by itself.
 *
 * The server applies all operations or none. If it rejects one, each is sent by itself, so that the others are saved
 * and a conflict is reported at its task. A repeated request has no further effect: updates contain versions.
 */
async function sendGroup({ group }) {
  if (!group || rejectedGroups.has(group)) return false;
  const operations = sendableOperations(group).map(joinUpdates);
  if (operations.length < 2) return false;
  try {
    const results = await tasks.batch(operations.map(batchOperation));
    operations.forEach((operation, index) => finish(operation, results[index].data));
    return true;
  } catch (problem) {
    if (problem.isRetryable) throw problem;
    rejectedGroups.add(group);
    return false;
  }
}

/** Return the operations of a group that can be sent now: no earlier operation of the same task waits. */
function sendableOperations(group) {
  const pending = pendingOperations();
  const isFirst = (operation) => pending.find(({ id }) => id === operation.id) === operation;
  return pending
    .filter((each) => each.group === group && !each.failure && isFirst(each) && !findUndoing(each))
    .slice(0, MAX_BATCH_SIZE);
}

function batchOperation({ kind, id, base, changes }) {
  return kind === "remove" ? { op: "delete", id } : { op: "update", id, if_match: base.version, data: changes };
}

/** Apply the response to an operation, and remove the operation. A removal has no task in its response. */
function finish(operation, task) {
  if (task) applyResult(operation, task);
  syncEvents.dispatchEvent(new CustomEvent("sent", { detail: { operation, task } }));
  removeOperations(operation);
}

async function send(operation) {
  try {
    finish(operation, await REQUESTS[operation.kind](operation));
  } catch (problem) {
    if (problem.isRetryable) throw problem;
    handleRejection(operation, problem);
  }
}

const REQUESTS = {
  create: ({ key, changes }) => tasks.create(changes, key),
  update: ({ id, base, changes }) => tasks.update(id, changes, base.version),
  remove: async ({ id }) => {
    await tasks.remove(id).catch(ignoreNotFound);
  },
  restore: ({ id }) => tasks.restore(id),
  move: ({ id, beside }) => tasks.move(id, beside),
};

function ignoreNotFound(problem) {
  if (problem.status !== 404) throw problem;
}

/** Merge a conflicting update if the fields differ. Otherwise keep it with its failure, for the user to resolve. */
function handleRejection(operation, problem) {
  const { current } = problem;
  if (problem.status !== 412 || !current) {
    saveOperation({ ...operation, failure: { code: problem.code, detail: describeProblem(problem) } });
    return;
  }
  const fields = findConflicts(operation.base, operation.changes, current);
  const changes = remainingChanges(operation.changes, current);
  if (fields.length) saveOperation({ ...operation, failure: { code: problem.code, fields, current } });
  else if (Object.keys(changes).length) saveOperation({ ...operation, base: current, changes });
  else removeOperations(operation); // only its response was lost: the server has the changes
}

function describeProblem(problem) {
  const fields = Object.entries(problem.errors?.json ?? {});
  return fields.length
    ? fields.map(([name, messages]) => `${name}: ${[messages].flat().join(" ")}`).join("; ")
    : problem.message;
}

function scheduleRetry(problem) {
  if (!problem.isRetryable) throw problem;
  isBlocked = true;
  outboxEvents.dispatchEvent(new Event("change"));
  retryTimer = setTimeout(sendQueue, Math.max(retryDelay, problem.retryAfter * 1000));
  retryDelay = Math.min(retryDelay * 2, MAX_RETRY_MS);
}
