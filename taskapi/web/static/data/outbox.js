/** What was done here and is not yet known to the server: kept over reloads, sent in order, never lost in silence.
 *
 * An operation is `{key, kind, id, base, changes, trouble?}`: kind is create, update, remove or restore; base is the
 * task as it was when the edit began. Each lies in localStorage under a key of its own, so that tabs do not overwrite
 * each other; they hold what people typed, and no token.
 */

import { remaining, without } from "./merge.js";

/** Tells `change` when operations come, go or meet trouble; `due` when there is something to send. */
export const outbox = new EventTarget();

/** The ids that tasks made here were given, by those they had until then: a row may be a moment behind. */
const given = new Map();

let prefix = "";
let made = 0;

/** Open a person's outbox. */
export function open(person) {
  prefix = `taskapi.outbox.${person}.`;
  window.addEventListener("storage", ({ key }) => key?.startsWith(prefix) && tell("change"));
}

/** Return the operations that wait, in order. */
export function waiting() {
  const keys = Object.keys(localStorage)
    .filter((key) => prefix && key.startsWith(prefix))
    .sort();
  return keys.map((key) => JSON.parse(localStorage.getItem(key))).filter(Boolean); // another tab may have sent one
}

/** Return the id that the server gave a task made here, once it has. */
export function idOf(id) {
  return given.get(id) ?? id;
}

/** Put an operation in, to be sent as soon as may be; returns the id of what it is about. */
export function put(kind, asked, { base = null, changes = {} } = {}) {
  const key = freshKey();
  const id = idOf(asked) ?? `new-${key}`;
  keep({ key, kind, id, base, changes });
  tell("due");
  return id;
}

/** Put an operation in the place of what it was. */
export function keep(operation) {
  localStorage.setItem(prefix + operation.key, JSON.stringify(operation));
  tell("change");
}

/** Strike operations out. */
export function drop(...operations) {
  for (const { key } of operations) localStorage.removeItem(prefix + key);
  tell("change");
}

/** Let what waits behind an operation know how it went: a new task has an id now, a changed one a version. */
export function follow({ id }, task) {
  given.set(id, task.id);
  for (const other of waiting()) {
    const changes = other.changes.parent_id === id ? { ...other.changes, parent_id: task.id } : other.changes;
    if (other.id === id) keep({ ...other, id: task.id, changes, base: other.base && task });
    else if (changes !== other.changes) keep({ ...other, changes });
  }
}

/** Take an operation back; with the making of a task, all that was done to it. */
export function discard(operation) {
  const { kind, id } = operation;
  drop(...(kind === "create" ? waiting().filter((each) => each.id === id) : [operation]));
  tell("due"); // what it held back may go
}

/** Settle a conflict: `mine` are the fields that stay as edited here; the others become theirs. */
export function settle(operation, mine) {
  const { current, fields } = operation.trouble;
  const theirs = fields.filter((field) => !mine.includes(field));
  const changes = theirs.reduce(without, operation.changes);
  if (!Object.keys(remaining(changes, current)).length) return discard(operation);
  return retry({ ...operation, base: current, changes });
}

/** Try an operation that was refused once more. */
export function retry(operation) {
  keep({ ...operation, trouble: null });
  tell("due");
}

/** A key that sorts behind all before it, and that nobody else has. */
function freshKey() {
  made += 1;
  const random = [...crypto.getRandomValues(new Uint32Array(2))].map((number) => number.toString(36));
  return [Date.now().toString(36), String(made).padStart(6, "0"), ...random].join("-");
}

function tell(type) {
  outbox.dispatchEvent(new Event(type));
}
