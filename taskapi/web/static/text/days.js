/** Days and instants, as they are where a person lives: a day is "2030-01-31", an instant ends in Z. */

const DAY_MS = 24 * 3600 * 1000;
const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

let zone = "UTC";
let clock = parts("UTC");

/** Choose the time zone that everything here is measured in. */
export function setZone(name) {
  zone = name;
  clock = parts(name);
}

/** Return the time zone that the browser is in. */
export function browserZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Return the day that it is. */
export function today() {
  return dayOf(new Date());
}

/** Return the day that an instant lies in. */
export function dayOf(instant) {
  const { year, month, day } = read(instant);
  return `${year}-${month}-${day}`;
}

/** Return the time of day of an instant: "14:30". */
export function timeOf(instant) {
  const { hour, minute } = read(instant);
  return `${hour}:${minute}`;
}

/** Return the day so many days later; null for what is no day. */
export function addDays(day, count) {
  const later = new Date(Date.parse(day) + count * DAY_MS);
  return Number.isNaN(later.getTime()) ? null : later.toISOString().slice(0, 10);
}

/** Return how many days lie between two days. */
export function daysBetween(first, last) {
  return (Date.parse(last) - Date.parse(first)) / DAY_MS;
}

/** Return the next such weekday after a day; a name may be cut to three letters. Null: no weekday. */
export function nextWeekday(name, after) {
  const index = name.length < 3 ? -1 : WEEKDAYS.findIndex((each) => each.startsWith(name));
  if (index < 0) return null;
  const ahead = (index - new Date(after).getUTCDay() + 7) % 7 || 7;
  return addDays(after, ahead);
}

/** Return the instant at which a day's clock shows a time. */
export function instantOf(day, time) {
  const wanted = Date.parse(`${day}T${time}:00Z`);
  let instant = wanted;
  for (let round = 0; round < 2; round += 1) instant -= shownAs(instant) - wanted; // twice: clocks change
  return new Date(instant).toISOString().replace(".000Z", "Z");
}

/** Return the day a task is due on, or null. */
export function dueDay(task) {
  return task.due_date ?? (task.due_at ? dayOf(task.due_at) : null);
}

/** Tell whether a task should have been done by now. */
export function isOverdue(task) {
  if (task.status === "done" || task.status === "cancelled") return false;
  if (task.due_at) return Date.parse(task.due_at) < Date.now();
  return task.due_date !== null && task.due_date < today();
}

/** Return a day in words, short where it is near: "Today", "Thursday", "3 Mar", "3 Mar 2031". */
export function describeDay(day) {
  const ahead = daysBetween(today(), day);
  if (ahead === 0) return "Today";
  if (ahead === 1) return "Tomorrow";
  if (ahead === -1) return "Yesterday";
  if (ahead > 1 && ahead < 7) return write(day, { weekday: "long" });
  const sameYear = day.slice(0, 4) === today().slice(0, 4);
  return write(day, { day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) });
}

/** Return when a task is due, in words. */
export function describeDue(task) {
  const day = dueDay(task);
  return task.due_at ? `${describeDay(day)}, ${timeOf(task.due_at)}` : describeDay(day);
}

/** Return a day in full: "Thursday, 3 March". */
export function fullDay(day) {
  return write(day, { weekday: "long", day: "numeric", month: "long" });
}

/** Return an instant in words: "3 Mar 2031, 14:30". */
export function describeInstant(instant) {
  return new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: zone }).format(
    new Date(instant),
  );
}

/** Return every time zone that the browser knows, with `besides`. */
export function zones(besides) {
  return [...new Set(["UTC", besides, ...Intl.supportedValuesOf("timeZone")])].sort();
}

function parts(timeZone) {
  return new Intl.DateTimeFormat("en-GB", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
}

function read(instant) {
  const found = clock.formatToParts(new Date(instant)).map(({ type, value }) => [type, value]);
  const shown = Object.fromEntries(found);
  return { ...shown, year: shown.year.padStart(4, "0") };
}

function shownAs(instant) {
  const { year, month, day, hour, minute } = read(instant);
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:00Z`);
}

function write(day, options) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options }).format(new Date(day));
}
