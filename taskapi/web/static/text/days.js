/** Days and instants in the time zone of the account: a day is "2030-01-31", an instant ends in Z.
 *
 * Dates are written by the locale of the browser, as its own date fields are.
 */

const DAY_MS = 24 * 3600 * 1000;
/** The locale of the browser's own user interface, which its date and time fields follow. */
export const LOCALE = new Intl.DateTimeFormat().resolvedOptions().locale;

/** The language of dates, for `lang`; null when it is the page's own. */
export const DATE_LANGUAGE = LOCALE.startsWith("en") ? null : LOCALE;

const RELATIVE = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });

let zone = "UTC";
let clock = parts("UTC");

/** Set the time zone of the account. Uses UTC, and returns false, when this browser does not know the name. */
export function setZone(name) {
  const known = isZone(name);
  zone = known ? name : "UTC";
  clock = parts(zone);
  return known;
}

/** Tell whether this browser knows a time zone. */
export function isZone(name) {
  try {
    return Boolean(parts(name));
  } catch {
    return false;
  }
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

/** Return the instant at which the clock shows a time on a day: the first one, when it shows the time twice.
 *
 * A time that the clock skips moves forward by what is skipped: 2:30 becomes 3:30, and a day without a midnight starts
 * at 1:00. This is the rule "compatible" of the Temporal API.
 */
export function instantOf(day, time) {
  const shown = Date.parse(`${day}T${time}:00Z`);
  const before = offsetAt(shown - DAY_MS);
  const after = offsetAt(shown + DAY_MS);
  const exact = [before, after].map((offset) => shown - offset).filter((instant) => shownAt(instant) === shown);
  const instant = exact.length ? Math.min(...exact) : shown - before;
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

/** Return a day in words, short when it is near: "Today", "Thursday", "3 Mar", "3 Mar 2031". */
export function describeDay(day) {
  const ahead = daysBetween(today(), day);
  if (Math.abs(ahead) <= 1) return capitalized(RELATIVE.format(ahead, "day"));
  if (ahead > 1 && ahead < 7) return write(day, { weekday: "long" });
  const sameYear = day.slice(0, 4) === today().slice(0, 4);
  return write(day, { day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) });
}

/** Return when a task is due, in words. */
export function describeDue(task) {
  const day = describeDay(dueDay(task));
  return task.due_at ? `${day}, ${describe(task.due_at, { timeStyle: "short" })}` : day;
}

/** Return a day in full: "Thursday, 3 March". */
export function fullDay(day) {
  return write(day, { weekday: "long", day: "numeric", month: "long" });
}

/** Return an instant in words: "3 Mar 2031, 14:30". */
export function describeInstant(instant) {
  return describe(instant, { dateStyle: "medium", timeStyle: "short" });
}

/** Return every time zone that the browser knows, with `besides`. */
export function zones(besides) {
  return [...new Set(["UTC", besides, ...Intl.supportedValuesOf("timeZone")])].sort();
}

/** Return a formatter that reads the clock of a time zone; the locale has no effect on digits and order here. */
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

/** Return what the clock shows at an instant, as if it were UTC, in milliseconds. */
function shownAt(instant) {
  const { year, month, day, hour, minute } = read(instant);
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:00Z`);
}

function offsetAt(instant) {
  return shownAt(instant) - instant;
}

function describe(instant, options) {
  return new Intl.DateTimeFormat(LOCALE, { timeZone: zone, ...options }).format(new Date(instant));
}

function write(day, options) {
  return new Intl.DateTimeFormat(LOCALE, { timeZone: "UTC", ...options }).format(new Date(day));
}

function capitalized(words) {
  return words[0].toLocaleUpperCase(LOCALE) + words.slice(1);
}
