/** The list of tasks that a place asks for. */

import { catalog, reload } from "../data/catalog.js";
import { feed } from "../data/follow.js";
import { Listing } from "../data/listing.js";
import * as tasks from "../data/tasks.js";
import { VIEWS } from "../data/views.js";
import { today } from "../text/days.js";
import { composer } from "./composer.js";
import { fill, h, icon, reconcile, refill } from "./dom.js";
import { heading } from "./heading.js";
import { place, router } from "./router.js";
import { makeRow, updateRow } from "./row.js";
import { canWrite } from "./standing.js";
import { complain } from "./toast.js";

const rows = h("ul", { class: "rows", "aria-label": "Tasks" });
const foot = h("div", { class: "foot" });
const TICK_MS = 30_000;
let listing = null;
let asked = "";
let ticked = { at: Date.now(), day: today() };

/** Return the list; it keeps itself up to date. */
export function list() {
  for (const [source, event, listener] of [
    [router, "change", open],
    [tasks.tasks, "change", soon],
    [tasks.tasks, "renamed", stay],
    [catalog, "change", soon],
    [feed, "change", refresh],
  ])
    source.addEventListener(event, listener);
  setInterval(tick, TICK_MS);
  open();
  return [rows, foot];
}

/** Return the head of the list: what it is of, and where to add to it. */
export function listHead() {
  const { view } = place();
  return [heading(), canWrite() && !VIEWS[view].closed && composer()];
}

/** Return the ids of the tasks in the list, as they stand. */
export function listedIds() {
  return [...rows.querySelectorAll(".row")].map((row) => row.dataset.id);
}

/** Return a task's element in the list. */
export function rowOf(id) {
  return rows.querySelector(`[data-id="${id}"]`);
}

async function open() {
  const { view, of, done } = place();
  if (!VIEWS[view]) return;
  const question = JSON.stringify([view, of, done]);
  if (question !== asked) {
    asked = question;
    listing = new Listing(VIEWS[view].query(of, done));
    draw();
    await refresh();
  }
  draw();
}

async function refresh() {
  const { view, of, done } = place();
  const current = listing;
  if (current && VIEWS[view]) current.query = VIEWS[view].query(of, done); // what is today may have changed
  await current?.reload();
  if (current === listing) draw();
}

/** Reload when time alone has changed the list: a task that is due by now is overdue, and days end. */
function tick() {
  const now = { at: Date.now(), day: today() };
  const isDue = ({ due_at: due }) => due && Date.parse(due) > ticked.at && Date.parse(due) <= now.at;
  const isChanged = now.day !== ticked.day || listing?.ids.map(tasks.find).filter(Boolean).some(isDue);
  ticked = now;
  if (!isChanged) return;
  refresh();
  reload().catch(() => {});
}

let drawing = false;

/** Draw once, however many changes come at the same time. */
function soon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function draw() {
  const view = VIEWS[place().view];
  if (!view || !listing) return;
  reconcile(rows, parted(shown(view), view), {
    key: (thing) => (thing.id ? tasks.keyOf(thing) : `heading ${thing.heading}`),
    make: (thing) => (thing.id ? makeRow() : h("li", { class: "part" }, h("h2", {}))),
    update: (element, thing) => (thing.id ? updateRow(element, thing) : fill(element.firstChild, thing.heading)),
  });
  rows.setAttribute("aria-busy", String(listing.state === "loading"));
  const { state, more: hasMore, problem } = listing;
  refill(foot, [place(), state, hasMore, wording(problem), rows.children.length > 0], () => footer(view));
  roam();
}

/** Return the tasks to show: those not created on the server yet, then the server's, without removed ones. */
function shown(view) {
  const made = listing.ids.map(tasks.find).filter(Boolean);
  const fresh = view.closed ? [] : tasks.unmade().filter(belongs);
  return [...fresh, ...made].filter(
    (task) => !task.removed && (!view.trash || task.deleted_at) && (!view.fits || view.fits(task)),
  );
}

/** Keep a task that was created here in its place until the reloaded list has it. */
function stay({ detail: { to } }) {
  if (!VIEWS[place().view]?.closed && belongs(tasks.find(to)) && !listing?.ids.includes(to)) listing?.ids.unshift(to);
}

function belongs(task) {
  const { view, of } = place();
  if (view === "project") return task.project_id === of;
  if (view === "label") return task.labels.includes(of);
  if (view === "inbox") return !task.project_id && !task.parent_id;
  return view === "all" ? !task.parent_id : Boolean(task.due_date ?? task.due_at);
}

/** Return the tasks under their headings; `headings` come first and in this order, others as they occur. */
function parted(found, { heading: head, headings = [] }) {
  if (!head) return found;
  const parts = new Map(headings.map((name) => [name, []]));
  for (const task of found) parts.set(head(task), [...(parts.get(head(task)) ?? []), task]);
  return [...parts].flatMap(([name, members]) => (members.length ? [{ heading: name }, ...members] : []));
}

function footer({ empty }) {
  if (listing.state === "loading")
    return h("div", { class: "skeleton", role: "status" }, h("span", { class: "unseen" }, "Loading tasks…"));
  if (listing.state === "failed") return failure();
  if (!rows.children.length)
    return h("div", { class: "empty" }, icon(place().view === "search" ? "search" : "done"), h("p", {}, empty));
  return listing.more && h("button", { class: "more", on: { click: more } }, "Show more");
}

function failure() {
  const isRefused = Boolean(faultsOfSearch(listing.problem)); // the same request would fail again
  return h(
    "div",
    { class: "empty", role: "alert" },
    icon("bell"),
    h("p", {}, wording(listing.problem)),
    !isRefused && h("button", { on: { click: refresh } }, "Try again"),
  );
}

/** Return what to say about a problem: what is wrong with the words searched for, if it is about them. */
function wording(problem) {
  return faultsOfSearch(problem)?.join(" ") ?? problem?.message;
}

function faultsOfSearch(problem) {
  return problem?.errors?.query?.q;
}

async function more() {
  const last = listedIds().at(-1);
  await listing.loadMore().catch(complain);
  draw();
  rowOf(last)?.nextElementSibling?.querySelector(".title")?.focus();
}

/** One row alone is reached by Tab; arrows go from row to row. */
function roam() {
  const current =
    rows.querySelector(".row:focus-within") ?? rows.querySelector(".row[data-open]") ?? rows.querySelector(".row");
  for (const row of rows.querySelectorAll(".row")) {
    for (const part of row.querySelectorAll("[data-part]")) part.tabIndex = row === current ? 0 : -1;
  }
}

rows.addEventListener("focusin", roam);
