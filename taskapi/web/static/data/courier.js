/** Takes what waits in the outbox to the server: in order, in one tab at a time, until it has arrived. */

import { tasks } from "../api/calls.js";
import { inTurn } from "../api/turns.js";
import { conflicts, remaining } from "./merge.js";
import { drop, follow, keep, outbox, waiting } from "./outbox.js";

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 60_000;

/** Tells `sent` with `{operation, task}` when an operation has arrived; `task` is as the server has it now. */
export const courier = new EventTarget();

let pause = FIRST_PAUSE;
let timer = 0;
let heldUp = false;

/** Start to send. */
export function start() {
  outbox.addEventListener("due", flush);
  window.addEventListener("online", flush);
  flush();
}

/** Whether what was sent last met no answer, or one that said later. */
export function isHeldUp() {
  return heldUp;
}

/** Send what waits: in this tab or another, but in one alone. */
function flush() {
  clearTimeout(timer);
  return inTurn("taskapi-outbox", sendAll).catch(later);
}

async function sendAll() {
  for (let next = sendable(); next; next = sendable()) {
    const undoing = undone(next);
    if (undoing) drop(next, undoing);
    else await sendOne(joined(next));
    pause = FIRST_PAUSE;
    heldUp = false;
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

/** Return what takes a removal back, where both still wait: neither has to be said. */
function undone({ kind, id, key }) {
  const next = waiting().find((each) => each.id === id && each.key > key);
  return kind === "remove" && next?.kind === "restore" ? next : null;
}

/** Several edits of one task go out as one, so that a conflict shows all its fields at once. */
function joined(operation) {
  if (operation.kind !== "update") return operation;
  const own = waiting().filter((each) => each.id === operation.id);
  const others = own.findIndex((each) => each.kind !== "update" || each.trouble);
  const edits = others < 0 ? own : own.slice(0, others);
  const whole = { ...operation, changes: Object.assign({}, ...edits.map((each) => each.changes)) };
  if (edits.length > 1) keep(whole);
  drop(...edits.filter(({ key }) => key !== operation.key));
  return whole;
}

async function sendOne(operation) {
  try {
    const task = await SEND[operation.kind](operation);
    if (task) follow(operation, task);
    courier.dispatchEvent(new CustomEvent("sent", { detail: { operation, task } }));
    drop(operation);
  } catch (problem) {
    if (problem.passing) throw problem;
    meet(operation, problem);
  }
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
  else drop(operation); // the answer to it was lost: it had arrived
}

function sentence(problem) {
  const fields = Object.entries(problem.errors?.json ?? {});
  return fields.length
    ? fields.map(([name, messages]) => `${name}: ${[messages].flat().join(" ")}`).join("; ")
    : problem.message;
}

function later(problem) {
  if (!problem.passing) throw problem;
  heldUp = true;
  outbox.dispatchEvent(new Event("change"));
  timer = setTimeout(flush, Math.max(pause, problem.retryAfter * 1000));
  pause = Math.min(pause * 2, LONGEST_PAUSE);
}
