/** Days and instants in the time zone of the account. A day is "2030-01-31"; an instant is an ISO time in UTC.
 *
 * Dates are formatted in the locale of the browser, like its own date fields.
 */

const DAY_MS = 24 * 3600 * 1000;
/** The locale of the browser's own user interface, which its date and time fields follow. */
export const LOCALE = new Intl.DateTimeFormat().resolvedOptions().locale;

/** The language of dates, for `lang` attributes; null when it is English like the page. */
export const DATE_LANGUAGE = LOCALE.startsWith("en") ? null : LOCALE;

const RELATIVE = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });

let timeZone = "UTC";
let zoneFormatter = createFormatter("UTC");

/** Set the time zone of the account. Uses UTC, and returns false, when this browser does not know the name. */
export function setZone(name) {
  const known = isKnownZone(name);
  timeZone = known ? name : "UTC";
  zoneFormatter = createFormatter(timeZone);
  return known;
}

/** Whether this browser knows a time zone. */
export function isKnownZone(name) {
  try {
    return Boolean(createFormatter(name));
  } catch {
    return false;
  }
}

/** Return the time zone of the browser. */
export function browserZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Return the current day. */
export function today() {
  return dayOf(new Date());
}

/** Return the day of an instant. */
export function dayOf(instant) {
  const { year, month, day } = readParts(instant);
  return `${year}-${month}-${day}`;
}

/** Return the time of day of an instant: "14:30". */
export function timeOf(instant) {
  const { hour, minute } = readParts(instant);
  return `${hour}:${minute}`;
}

/** Return the day `count` days later; null for an invalid day. */
export function addDays(day, count) {
  const later = new Date(Date.parse(day) + count * DAY_MS);
  return Number.isNaN(later.getTime()) ? null : later.toISOString().slice(0, 10);
}

/** Return the number of days from the first day to the last. */
export function daysBetween(first, last) {
  return (Date.parse(last) - Date.parse(first)) / DAY_MS;
}

/** Return a number of days as text: "1 day", "30 days". */
export function countDays(count) {
  return count === 1 ? "1 day" : `${count} days`;
}

/** Return the instant of a local time on a day; the first one when the local time occurs twice.
 *
 * A skipped local time moves forward by the length of the gap: 2:30 becomes 3:30, and a day without a midnight starts
 * at 1:00. This is the disambiguation "compatible" of the Temporal API.
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

/** Whether an open task is past its due date. */
export function isOverdue(task) {
  if (task.status === "done" || task.status === "cancelled") return false;
  if (task.due_at) return Date.parse(task.due_at) < Date.now();
  return task.due_date !== null && task.due_date < today();
}

/** Return a day as short text: "Today", "Thursday", "3 Mar", "3 Mar 2031". */
export function describeDay(day) {
  const ahead = daysBetween(today(), day);
  if (Math.abs(ahead) <= 1) return capitalized(RELATIVE.format(ahead, "day"));
  if (ahead > 1 && ahead < 7) return formatDay(day, { weekday: "long" });
  const sameYear = day.slice(0, 4) === today().slice(0, 4);
  return formatDay(day, { day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) });
}

/** Return the due date of a task as text. */
export function describeDue(task) {
  const day = describeDay(dueDay(task));
  return task.due_at ? `${day}, ${formatInstant(task.due_at, { timeStyle: "short" })}` : day;
}

/** Return a day as long text: "Thursday, 3 March". */
export function fullDay(day) {
  return formatDay(day, { weekday: "long", day: "numeric", month: "long" });
}

/** Return an instant as text: "3 Mar 2031, 14:30". */
export function describeInstant(instant) {
  return formatInstant(instant, { dateStyle: "medium", timeStyle: "short" });
}

/** Return the names of all time zones that the browser knows, and `besides`. */
export function listZones(besides) {
  return [...new Set(["UTC", besides, ...Intl.supportedValuesOf("timeZone")])].sort();
}

/** Return a formatter for the local time of a time zone. Callers read its parts, so the locale has no effect. */
function createFormatter(timeZone) {
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

function readParts(instant) {
  const found = zoneFormatter.formatToParts(new Date(instant)).map(({ type, value }) => [type, value]);
  const shown = Object.fromEntries(found);
  return { ...shown, year: shown.year.padStart(4, "0") };
}

/** Return the local time of an instant as if it were UTC, in milliseconds. */
function shownAt(instant) {
  const { year, month, day, hour, minute } = readParts(instant);
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:00Z`);
}

function offsetAt(instant) {
  return shownAt(instant) - instant;
}

function formatInstant(instant, options) {
  return new Intl.DateTimeFormat(LOCALE, { timeZone, ...options }).format(new Date(instant));
}

function formatDay(day, options) {
  return new Intl.DateTimeFormat(LOCALE, { timeZone: "UTC", ...options }).format(new Date(day));
}

function capitalized(words) {
  return words[0].toLocaleUpperCase(LOCALE) + words.slice(1);
}
