/** The outbox: changes that the server does not have yet. It survives reloads, and is sent in order.
 *
 * An operation is `{key, kind, id, base, changes, beside?, group?, failure?}`. `kind` is create, update, move, remove
 * or restore; `base` is the task when the edit began. A move is `beside` another task: `{after: id}` or `{before: id}`.
 * Operations of one `group` are sent together, if possible. Each operation has its own key in localStorage, so that
 * tabs do not overwrite each other. Operations contain user input, but no tokens.
 */

import { remainingChanges, withoutField } from "./merge.js";

/** Events: `change` when operations are added, removed or rejected; `due` when there is something to send; `created`
 * with `{from, task}` when another tab has sent a new task, which had the temporary id `from`.
 */
export const outboxEvents = new EventTarget();

/** The ids from the server, by temporary id. A row of the page may still use the temporary id. */
const serverIds = new Map();

/** Tells the other tabs of the user which ids new tasks got. */
let createdChannel = null;

/** The parsed operations in order, or null after a change: a long list reads them for each row. */
let cachedOperations = null;

let prefix = "";
let keyCount = 0;

/** Open the outbox of a user. */
export function openOutbox(userId) {
  prefix = `taskapi.outbox.${userId}.`;
  dropCache();
  window.addEventListener("storage", ({ key }) => {
    if (key !== null && !key.startsWith(prefix)) return; // null: another tab removed all keys
    dropCache();
    emit("change");
  });
  window.addEventListener("pageshow", dropCache); // a page in the back/forward cache receives no events
  createdChannel = new BroadcastChannel(`taskapi.created.${userId}`);
  createdChannel.addEventListener("message", ({ data: { from, task } }) => {
    serverIds.set(from, task.id);
    dropCache(); // the operations have other ids now
    emit("created", { from, task });
  });
}

/** Return the operations in order. */
export function pendingOperations() {
  cachedOperations ??= readOperations();
  return cachedOperations;
}

/** Read the operations from localStorage again when they are needed next. */
export function dropCache() {
  cachedOperations = null;
}

function readOperations() {
  const keys = Object.keys(localStorage)
    .filter((key) => prefix && key.startsWith(prefix))
    .sort();
  return keys
    .map((key) => JSON.parse(localStorage.getItem(key)))
    .filter(Boolean) // another tab may have removed one
    .map((operation) => ({ ...operation, id: serverId(operation.id) })); // another tab may not know the id yet
}

/** Return the id from the server of a task that was created here, or the id itself. */
export function serverId(id) {
  return serverIds.get(id) ?? id;
}

/** Add an operation and request to send it. Returns the id of its task. */
export function enqueue(kind, taskId, { base = null, changes = {}, ...options } = {}) {
  const key = newKey();
  const id = serverId(taskId) ?? `new-${key}`;
  saveOperation({ key, kind, id, base, changes, ...options });
  emit("due");
  return id;
}

/** Save an operation, replacing its earlier state. */
export function saveOperation(operation) {
  localStorage.setItem(prefix + operation.key, JSON.stringify(operation));
  dropCache();
  emit("change");
}

/** Remove operations. */
export function removeOperations(...operations) {
  for (const { key } of operations) localStorage.removeItem(prefix + key);
  dropCache();
  emit("change");
}

/** Update the waiting operations after one was sent: a new task has an id now, a changed task a new version. */
export function applyResult({ id }, task) {
  const operations = pendingOperations();
  serverIds.set(id, task.id);
  dropCache();
  if (id !== task.id) createdChannel.postMessage({ from: id, task });
  for (const operation of operations) {
    const changes =
      operation.changes.parent_id === id ? { ...operation.changes, parent_id: task.id } : operation.changes;
    const beside = operation.beside && replaceValue(operation.beside, id, task.id);
    const updated = { ...operation, changes, beside };
    if (operation.id === id) saveOperation({ ...updated, id: task.id, base: operation.base && task });
    else if (changes !== operation.changes || beside) saveOperation(updated);
  }
}

/** Discard an operation. With the creation of a task, discard all its changes. */
export function discardOperation(operation) {
  const { kind, id } = operation;
  removeOperations(...(kind === "create" ? pendingOperations().filter((each) => each.id === id) : [operation]));
  emit("due"); // it may have blocked others
}

/** Resolve a conflict: `keptFields` keep the value of this page, the others take the value of the server. */
export function resolveConflict(operation, keptFields) {
  const { current, fields } = operation.failure;
  const discardedFields = fields.filter((field) => !keptFields.includes(field));
  const changes = discardedFields.reduce(withoutField, operation.changes);
  if (!Object.keys(remainingChanges(changes, current)).length) return discardOperation(operation);
  return retryOperation({ ...operation, base: current, changes });
}

/** Retry a rejected operation. */
export function retryOperation(operation) {
  saveOperation({ ...operation, failure: null });
  emit("due");
}

/** Return the name of a new group of operations. */
export function newGroup() {
  return newKey();
}

/** Return a unique key that sorts after all pending ones, even if the clock was set back. */
function newKey() {
  keyCount += 1;
  const [lastTime] = pendingOperations().at(-1)?.key.split("-") ?? ["0"];
  const time = Math.max(Date.now(), parseInt(lastTime, 36) + 1);
  const randomParts = [...crypto.getRandomValues(new Uint32Array(2))].map((number) => number.toString(36));
  return [time.toString(36), String(keyCount).padStart(6, "0"), ...randomParts].join("-");
}

function replaceValue(values, from, to) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === from ? to : value]));
}

function emit(type, detail) {
  outboxEvents.dispatchEvent(new CustomEvent(type, { detail }));
}
