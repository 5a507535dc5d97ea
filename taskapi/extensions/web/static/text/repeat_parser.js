/** Parse the repetition at the end of a text: `every Monday 9am`, `every 2 weeks`, `every weekday`, `every 15th`.
 *
 * `every!` counts from completion. German is recognized if the browser is German: `jeden Montag um 9 Uhr`.
 */

import { addDays, instantOf, today } from "./dates.js";
import { addMonths, findPattern, nextWeekday, parseDayOfMonth, parseTime } from "./due_parser.js";
import { LANGUAGES } from "./languages.js";

const MAX_WORDS = 12;
const CODES = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
const WORKDAYS = [1, 2, 3, 4, 5];
const FREQUENCIES = { day: "DAILY", week: "WEEKLY", month: "MONTHLY", year: "YEARLY" };
const MAX_COUNTS = { day: 1000, week: 200, month: 100, year: 10 };

/** Parse the repetition at the end of a line: `{title, words, recurrence, recurrence_from?, due_date? or due_at?}`, or
 * null. The due date is the first one from today.
 *
 * Words for which `isKept(words)` is true stay in the title. A line that is only a repetition is a title.
 */
export function parseRepeating(line, isKept = () => false) {
  const words = line.split(" ");
  for (let count = Math.min(MAX_WORDS, words.length - 1); count > 0; count -= 1) {
    const said = words.slice(-count).join(" ");
    const title = words.slice(0, -count);
    const isBlocked = LANGUAGES.some(({ blocks }) => blocks.test(title.at(-1).toLowerCase()));
    const found = !isBlocked && !isKept(said) && parseRepeat(said);
    if (found) return { title: title.join(" "), words: said, ...found };
  }
  return null;
}

/** Parse a repetition as a whole: `{recurrence, recurrence_from?, due_date? or due_at?}`, or null. */
export function parseRepeat(text) {
  const bare = text.toLowerCase().replace(/[.]+$/u, "");
  for (const language of LANGUAGES) {
    for (let end = bare.length; end > 0; end = bare.lastIndexOf(" ", end - 1)) {
      const time = end < bare.length ? parseTime(bare.slice(end + 1), { afterDay: true })?.time : null;
      const rule = (end === bare.length || time) && parseRule(bare.slice(0, end).replace(/,$/u, ""), language);
      if (rule) return withDue(rule, time);
    }
  }
  return null;
}

/** Parse a rule without a time: `{unit, count, weekdays?, monthDay?, fromCompletion}`, or null. */
function parseRule(text, language) {
  const [, adverb = "", bang] = /^(\p{L}+)(!?)$/u.exec(text) ?? [];
  const unit = Object.keys(language.adverbs).find((each) => language.adverbs[each].test(adverb));
  if (unit) return { unit, count: 1, fromCompletion: Boolean(bang) };
  const plural = findPattern(language.pluralWeekdays, adverb);
  if (plural >= 0) return { unit: "week", count: 1, weekdays: [plural], fromCompletion: Boolean(bang) };
  const [, mark, phrase] = language.every.exec(text) ?? [];
  const rule = phrase && (parseUnit(phrase, language) ?? parseDays(phrase, language));
  return rule ? { ...rule, fromCompletion: mark === "!" } : null;
}

/** "2 weeks", "other week on Monday", "day". */
function parseUnit(phrase, { units, other, numbers, onDay, ...language }) {
  const [, amount, unitName, rest] = /^(?:(\d{1,4}|\p{L}+) )?(\p{L}+)(?: (.+))?$/u.exec(phrase) ?? [];
  const unit = Object.keys(units).find((each) => units[each].test(unitName));
  if (!unit) return null;
  const named = amount ? findPattern(numbers, amount) + 1 : 1;
  const count = other.test(amount ?? "") ? 2 : Number(amount) || named;
  if (!count || count > MAX_COUNTS[unit]) return null;
  if (!rest) return { unit, count };
  const weeks = { ...language, other: /^(?!)/u };
  const days = unit === "week" && onDay.test(rest) && parseDays(rest.replace(onDay, ""), weeks);
  return days?.weekdays ? { unit, count, weekdays: days.weekdays } : null;
}

/** "Monday", "other Friday", "Monday and Thursday", "weekday", "15th". */
function parseDays(phrase, { weekdays, workday, other, joins, dayOfMonth }) {
  if (workday.test(phrase)) return { unit: "week", count: 1, weekdays: WORKDAYS };
  const [, monthDay] = dayOfMonth.exec(phrase) ?? [];
  if (monthDay) return monthDay >= 1 && monthDay <= 31 ? { unit: "month", count: 1, monthDay: Number(monthDay) } : null;
  const [first, ...others] = phrase.split(" ");
  const isOther = others.length > 0 && other.test(first);
  const names = (isOther ? others.join(" ") : phrase).split(joins);
  const found = names.map((name) => findPattern(weekdays, name));
  return found.includes(-1) ? null : { unit: "week", count: isOther ? 2 : 1, weekdays: [...new Set(found)] };
}

/** Return a rule with its first due date: today, or the first matching day after it. */
function withDue({ unit, count, weekdays, monthDay, fromCompletion }, time) {
  const isPast = time && Date.parse(instantOf(today(), time)) <= Date.now();
  const day = firstDay({ unit, count, weekdays, monthDay }, isPast);
  if (!day) return null;
  const sorted = weekdays && [...weekdays].sort((one, other) => ((one + 6) % 7) - ((other + 6) % 7));
  const parts = [
    `FREQ=${FREQUENCIES[unit]}`,
    count > 1 && `INTERVAL=${count}`,
    monthDay && `BYMONTHDAY=${monthDay}`,
    sorted && `BYDAY=${sorted.map((weekday) => CODES[weekday]).join(",")}`,
  ];
  return {
    recurrence: parts.filter(Boolean).join(";"),
    ...(fromCompletion && { recurrence_from: "completion" }),
    ...(time ? { due_at: instantOf(day, time) } : { due_date: day }),
  };
}

function firstDay({ unit, count, weekdays, monthDay }, isPast) {
  const start = isPast ? today() : addDays(today(), -1);
  if (weekdays) return weekdays.map((weekday) => nextWeekday(weekday, start)).sort()[0];
  if (monthDay) return parseDayOfMonth(monthDay, isPast ? addDays(today(), 1) : today());
  if (!isPast) return today();
  if (unit === "day") return addDays(today(), count);
  return unit === "week" ? addDays(today(), 7 * count) : addMonths(today(), count * (unit === "year" ? 12 : 1));
}
