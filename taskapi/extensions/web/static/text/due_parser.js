/** Parse the due date at the end of a text: `tomorrow 18:00`, `on Friday`, `Dec 20 5pm`, `24/12`, `in 3 days`.
 *
 * English is always recognized, German if the browser is German. Numeric dates follow the order of the browser's
 * locale. `repeat_parser.js` parses `every Sunday`; here it is not a date.
 */

import { addDays, instantOf, LOCALE, today } from "./dates.js";
import { LANGUAGES } from "./languages.js";

const MAX_WORDS = 9;
const MINUTE_MS = 60_000;

const [FIRST, SEPARATOR] = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "numeric" })
  .formatToParts(Date.UTC(2030, 10, 22))
  .filter(({ type, value }) => type !== "literal" || value.trim())
  .map(({ type, value }) => (type === "literal" ? value.trim() : type));

/** Parse the due date at the end of a line: `{title, words, due_date?, due_at?}`, or null. `words` are the due words.
 *
 * Words for which `isKept(words)` is true stay in the title. A line that is only a due date is a title.
 */
export function parseDue(line, isKept = () => false) {
  const words = line.split(" ");
  if (words.length <= MAX_WORDS && parsePhrase(words)) return null;
  for (let count = Math.min(MAX_WORDS, words.length - 1); count > 0; count -= 1) {
    const said = words.slice(-count);
    const title = words.slice(0, -count);
    const found = !isKept(said.join(" ")) && !isPartOfTitle(title) && parsePhrase(said);
    if (found) return { title: title.join(" "), words: said.join(" "), ...toDueFields(found) };
  }
  return null;
}

/** Parse a phrase as a whole: `{day?, time?, loose?, instant?}`, or null. `loose` marks a part of the day. */
function parsePhrase(words) {
  const text = words.join(" ").toLowerCase();
  return parseWords(text) ?? parseWords(text.replace(/[.!]+$/u, ""));
}

function parseWords(text) {
  const alone = parseDay(text) ?? parseTime(text);
  if (alone) return alone;
  for (let end = text.indexOf(" "); end > 0; end = text.indexOf(" ", end + 1)) {
    const before = text.slice(0, end).replace(/,$/u, "");
    const after = text.slice(end + 1);
    const first = parseDay(before) ?? parseDay(withoutPartOfDay(before));
    const day = (first ?? parseDay(after))?.day;
    const time = first ? parseTime(after, { afterDay: true }) : parseTime(before);
    if (day && time) return { day, ...time };
  }
  return null;
}

/** Remove a part of the day at the end of a phrase, for "tomorrow evening at 8pm". */
function withoutPartOfDay(text) {
  return LANGUAGES.reduce((rest, { lastPart }) => rest.replace(lastPart, ""), text);
}

/** Return the result of a phrase as `due_date` or `due_at`. */
function toDueFields({ day, time, loose, instant }) {
  if (instant) return { due_at: instant };
  if (!time) return { due_date: day };
  const at = instantOf(day ?? today(), time);
  if (Date.parse(at) > Date.now()) return { due_at: at };
  if (!day) return { due_at: instantOf(addDays(today(), 1), time) }; // a time of day that has passed means tomorrow
  return loose ? { due_date: day } : { due_at: at };
}

/** Whether the words before a date make it part of the title: "every Sunday", "since Monday", "the sun".
 *
 * A day or time directly before the date contradicts it: otherwise both would have been parsed together.
 */
function isPartOfTitle(title) {
  const before = title.map((word) => word.toLowerCase().replace(/,$/u, ""));
  const last = before.at(-1);
  return LANGUAGES.some(({ blocks, weekdays, days, parts, repeats, inRepeats }) => {
    const head = before.findLast((word) => !inRepeats.test(word)) ?? "";
    const isTime = [...weekdays, ...days, ...parts.map(({ names }) => names)].some((names) => names.test(last));
    return isTime || blocks.test(last) || repeats.test(head);
  });
}

/** Parse a time of day: `{time, loose?}`, or null. With `afterDay`, a part of the day is enough. */
export function parseTime(text, { afterDay = false } = {}) {
  for (const { beforeTime, beforePart, clock, noon, parts } of LANGUAGES) {
    const bare = text.replace(beforeTime, "");
    const [, hours, minutes = "00", half] = clock.exec(bare) ?? /^(\d{1,2}):(\d{2})$/u.exec(bare) ?? [];
    const time = hours && parseClock(Number(hours), minutes, half);
    if (time) return { time };
    const part = parts.find(({ names }) => names.test(text.replace(beforePart, "")));
    if (part && (afterDay || noon.test(text))) return { time: part.time, loose: true };
  }
  return null;
}

function parseClock(hour, minutes, half) {
  if (half && (hour < 1 || hour > 12)) return null;
  const whole = half ? (hour % 12) + (half === "p" ? 12 : 0) : hour;
  return whole < 24 && Number(minutes) < 60 ? `${String(whole).padStart(2, "0")}:${minutes}` : null;
}

function parseDay(text) {
  for (const language of LANGUAGES) {
    const bare = text.replace(language.beforeDay, "");
    const found = parseRelativeDay(bare, language) ?? parseDuration(bare, language);
    if (found) return found;
    const [, dayOfMonth] = (bare !== text && language.dayOfMonth.exec(bare)) || [];
    const date =
      parseNamedDate(bare, language) ?? parseNumericDate(bare) ?? (dayOfMonth && parseDayOfMonth(dayOfMonth, today()));
    if (date) return { day: date };
    const [, weekday, rest] = language.weekdayFirst.exec(bare) ?? [];
    const dated = weekday && (parseNamedDate(rest, language) ?? parseNumericDate(rest));
    if (dated && new Date(dated).getUTCDay() === findPattern(language.weekdays, weekday)) return { day: dated };
  }
  return null;
}

/** Days by name: today, Friday, next Friday, this weekend, next month, tonight, this evening. */
function parseRelativeDay(text, { days, thisOne, nextOne, weekdays, weekend, units, parts, tonight }) {
  const ahead = days.findIndex((name) => name.test(text));
  if (ahead >= 0) return { day: addDays(today(), ahead) };
  if (tonight.test(text)) return { day: today(), time: "21:00", loose: true };
  const [first, ...others] = text.split(" ");
  if (others.length === 2 && nextOne.test(others[0]) && units.week.test(others[1]) && findPattern(weekdays, first) >= 0)
    return { day: addDays(nextWeekday(1, today()), (findPattern(weekdays, first) + 6) % 7) };
  const isThis = thisOne.test(first);
  const isNext = nextOne.test(first);
  const name = isThis || isNext ? others.join(" ") : text;
  const part = isThis && parts.find(({ names }) => names.test(name));
  if (part) return { day: today(), time: part.time, loose: true };
  const isWeekend = (isThis || isNext) && weekend.test(name);
  const weekday = isWeekend ? 6 : findPattern(weekdays, name);
  if (weekday >= 0 && isNext) return { day: addDays(nextWeekday(1, today()), (weekday + 6) % 7) };
  if (weekday >= 0) return { day: nextWeekday(weekday, addDays(today(), isThis ? -1 : 0)) };
  if (isNext && units.week.test(name)) return { day: nextWeekday(1, today()) };
  if (isNext && units.month.test(name)) return { day: `${addMonths(today(), 1).slice(0, 7)}-01` };
  return isNext && units.year.test(name) ? { day: `${addMonths(today(), 12).slice(0, 4)}-01-01` } : null;
}

/** A number of days, weeks, months or hours from now: "in 3 days", "in an hour". */
function parseDuration(text, { numbers, units, hours, minutes }) {
  const [, number, unit] = /^in (\d{1,3}|\p{L}+) (\p{L}+)$/u.exec(text) ?? [];
  const count = Number(number) || findPattern(numbers, number ?? "") + 1;
  if (!count) return null;
  const span = hours.test(unit) ? 60 : minutes.test(unit) ? 1 : 0;
  if (span) {
    const instant = Math.ceil(Date.now() / MINUTE_MS + count * span) * MINUTE_MS;
    return { instant: new Date(instant).toISOString().replace(".000Z", "Z") };
  }
  if (units.day.test(unit)) return { day: addDays(today(), count) };
  if (units.week.test(unit)) return { day: addDays(today(), 7 * count) };
  const months = units.month.test(unit) ? count : units.year.test(unit) ? 12 * count : 0;
  return months ? { day: addMonths(today(), months) } : null;
}

/** A date with the name of its month: "1 December", "Dec 20th, 2027", "1. Dez.". */
function parseNamedDate(text, { dayFirst, monthFirst, months }) {
  const [, day, name, year] = dayFirst.exec(text) ?? [];
  if (day) return nextDate(year, findPattern(months, name) + 1, day);
  const [, before, number, yearAfter] = monthFirst.exec(text) ?? [];
  return before ? nextDate(yearAfter, findPattern(months, before) + 1, number) : null;
}

/** "the 15th": from a day on, in its month, or in the next month that has such a day. */
export function parseDayOfMonth(number, start) {
  const months = [0, 1, 2].map((ahead) => addMonths(`${start.slice(0, 7)}-01`, ahead).split("-"));
  return months.map(([year, month]) => validDay(year, month, number)).find((each) => each && each >= start) ?? null;
}

/** A numeric date: 2027-04-15, 15.4.2027, and in the order of the locale 12/24 or 24/12. */
function parseNumericDate(text) {
  const [, year, month, day] = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})$/u.exec(text)?.filter((_, i) => i !== 2) ?? [];
  if (year) return validDay(year, month, day);
  const [, first, mark, second, last] = /^(\d{1,2})([-/.]) ?(\d{1,2})(?:\2 ?(\d{4}|\d{2})?)?$/u.exec(text) ?? [];
  if (!first) return null;
  const isWhole = last?.length === 4;
  if (mark === ".") {
    const isDotted = text.split(".").length === 3; // "24.12." is a date, "3.11" a number
    return isWhole || (SEPARATOR === "." && FIRST === "day" && isDotted) ? nextDate(last, second, first) : null;
  }
  if ((mark === "-" && !isWhole) || text.endsWith("/") || text === "24/7") return null;
  const [day1, month1] = FIRST === "day" ? [first, second] : [second, first];
  return nextDate(last, month1, day1) ?? (isWhole ? nextDate(last, day1, month1) : null);
}

/** Return a date; without a year, the next day and month that match. */
function nextDate(year, month, day) {
  if (year) return validDay(year.length === 2 ? `20${year}` : year, month, day);
  const now = today();
  const years = Array.from({ length: 9 }, (_, ahead) => Number(now.slice(0, 4)) + ahead);
  const found = years.map((each) => validDay(each, month, day)).filter((each) => each && each >= now);
  return found[0] ?? null;
}

/** Return the day of a date, or null for an invalid one: 31 February. */
function validDay(year, month, day) {
  const [paddedMonth, paddedDay] = [month, day].map((each) => String(Number(each)).padStart(2, "0"));
  const text = `${year}-${paddedMonth}-${paddedDay}`;
  return Number(year) >= 1970 && addDays(text, 0) === text ? text : null;
}

/** Return the day `count` months later, or the last day of a shorter month. */
export function addMonths(day, count) {
  const [year, month, date] = day.split("-").map(Number);
  const first = new Date(Date.UTC(year, month - 1 + count, 1));
  const last = new Date(Date.UTC(year, month + count, 0)).getUTCDate();
  return validDay(first.getUTCFullYear(), first.getUTCMonth() + 1, Math.min(date, last));
}

/** Return the next such weekday after a day; 0 is Sunday. */
export function nextWeekday(weekday, after) {
  return addDays(after, (weekday - new Date(after).getUTCDay() + 7) % 7 || 7);
}

/** Return the index of the first pattern that matches a word, or -1. */
export function findPattern(patterns, word) {
  return patterns.findIndex((pattern) => pattern.test(word));
}
