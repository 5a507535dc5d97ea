/** What was done here and is not yet known to the server: kept over reloads, sent in order, never lost in silence.
 *
 * An operation is `{key, kind, id, base, changes, trouble?}`: kind is create, update, remove or restore; base is the
 * task as it was when the edit began. Each lies in localStorage under a key of its own, so that tabs do not overwrite
 * each other; they hold what people typed, and no token.
 */

import { tasks } from "../api/calls.js";
import { inTurn } from "../api/turns.js";
import { conflicts, remaining, without } from "./merge.js";

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 60_000;

/** Tells `change` when operations come, go or meet trouble; `sent` with `{operation, task}` when one has arrived. */
export const outbox = new EventTarget();

/** The ids that tasks made here were given, by those they had until then: a row may be a moment behind. */
const given = new Map();

let prefix = "";
let pause = FIRST_PAUSE;
let timer = 0;
let made = 0;

/** Open a person's outbox. */
export function open(person) {
  prefix = `taskapi.outbox.${person}.`;
  window.addEventListener("online", flush);
  window.addEventListener("storage", ({ key }) => key?.startsWith(prefix) && tell("change"));
  flush();
}

/** Return the operations that wait, in order. */
export function waiting() {
  const keys = Object.keys(localStorage)
    .filter((key) => prefix && key.startsWith(prefix))
    .sort();
  return keys.map((key) => JSON.parse(localStorage.getItem(key)));
}

/** Return the id that the server gave a task made here, once it has. */
export function idOf(id) {
  return given.get(id) ?? id;
}

/** Put an operation in, and send it as soon as may be; returns its key. */
export function put(kind, id, { base = null, changes = {} } = {}) {
  const key = freshKey();
  keep({ key, kind, id: idOf(id) ?? `new-${key}`, base, changes });
  tell("change");
  flush();
  return key;
}

/** Take an operation back; with the making of a task, all that was done to it. */
export function discard({ key, kind, id }) {
  const gone = kind === "create" ? waiting().filter((each) => each.id === id) : [{ key }];
  for (const each of gone) localStorage.removeItem(prefix + each.key);
  tell("change");
}

/** Settle a conflict: `mine` are the fields that stay as edited here; the others become theirs. */
export function settle(operation, mine) {
  const { current, fields } = operation.trouble;
  const given = fields.filter((field) => !mine.includes(field));
  const changes = given.reduce(without, operation.changes);
  if (Object.keys(remaining(changes, current)).length) keep({ ...operation, base: current, changes, trouble: null });
  else discard(operation);
  tell("change");
  flush();
}

/** Try an operation that was refused once more. */
export function retry(operation) {
  keep({ ...operation, trouble: null });
  tell("change");
  flush();
}

/** Send what waits: in this tab or another, but in one alone. */
export function flush() {
  clearTimeout(timer);
  return inTurn("taskapi-outbox", sendAll).catch(later);
}

async function sendAll() {
  for (let next = sendable(); next; next = sendable()) {
    await sendOne(joined(next));
    pause = FIRST_PAUSE;
  }
}

/** The first operation that may go: one in trouble holds back those on the same task. */
function sendable() {
  const held = new Set();
  return waiting().find((operation) => {
    if (operation.trouble) held.add(operation.id);
    return !held.has(operation.id);
  });
}

/** Several edits of one task go out as one, so that a conflict shows all its fields at once. */
function joined(operation) {
  if (operation.kind !== "update") return operation;
  const own = waiting().filter((each) => each.id === operation.id);
  const others = own.findIndex((each) => each.kind !== "update" || each.trouble);
  const edits = others < 0 ? own : own.slice(0, others);
  const whole = { ...operation, changes: Object.assign({}, ...edits.map((each) => each.changes)) };
  if (edits.length > 1) keep(whole);
  for (const { key } of edits) if (key !== operation.key) localStorage.removeItem(prefix + key);
  return whole;
}

async function sendOne(operation) {
  try {
    const task = await SEND[operation.kind](operation);
    localStorage.removeItem(prefix + operation.key);
    if (task) follow(operation, task);
    tell("sent", { operation, task });
  } catch (problem) {
    if (problem.passing) throw problem;
    meet(operation, problem);
  }
  tell("change");
}

const SEND = {
  create: ({ key, changes }) => tasks.create(changes, key),
  update: ({ id, base, changes }) => tasks.update(id, changes, base.version),
  remove: async ({ id }) => {
    await tasks.remove(id).catch(unlessGone);
  },
  restore: ({ id }) => tasks.restore(id),
};

function unlessGone(problem) {
  if (problem.status !== 404) throw problem;
}

/** Let what waits behind an operation know how it went: a new task has an id now, a changed one a version. */
function follow({ id }, task) {
  given.set(id, task.id);
  for (const other of waiting()) {
    const changes = other.changes.parent_id === id ? { ...other.changes, parent_id: task.id } : other.changes;
    if (other.id === id) keep({ ...other, id: task.id, changes, base: other.base && task });
    else if (changes !== other.changes) keep({ ...other, changes });
  }
}

/** Merge what can be merged without asking; keep the rest as trouble, for the person to look at. */
function meet(operation, problem) {
  const { current } = problem;
  if (problem.status !== 412 || !current) {
    keep({ ...operation, trouble: { code: problem.code, detail: sentence(problem) } });
    return;
  }
  const fields = conflicts(operation.base, operation.changes, current);
  const changes = remaining(operation.changes, current);
  if (fields.length) keep({ ...operation, trouble: { code: problem.code, fields, current } });
  else if (Object.keys(changes).length) keep({ ...operation, base: current, changes });
  else localStorage.removeItem(prefix + operation.key); // the answer to it was lost: it had arrived
}

function sentence(problem) {
  const fields = Object.entries(problem.errors?.json ?? {});
  return fields.length
    ? fields.map(([name, messages]) => `${name}: ${[messages].flat().join(" ")}`).join("; ")
    : problem.message;
}

function later(problem) {
  if (!problem.passing) throw problem;
  timer = setTimeout(flush, Math.max(pause, problem.retryAfter * 1000));
  pause = Math.min(pause * 2, LONGEST_PAUSE);
  tell("change");
}

function keep(operation) {
  localStorage.setItem(prefix + operation.key, JSON.stringify(operation));
}

/** A key that sorts behind all before it, and that nobody else has. */
function freshKey() {
  made += 1;
  const random = [...crypto.getRandomValues(new Uint32Array(2))].map((number) => number.toString(36));
  return [Date.now().toString(36), String(made).padStart(6, "0"), ...random].join("-");
}

function tell(type, detail) {
  outbox.dispatchEvent(new CustomEvent(type, { detail }));
}
