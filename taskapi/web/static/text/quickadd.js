/** The grammar of quick add: `Water the plants !high #home @Garden tomorrow 18:00`.
 *
 * `!` gives a priority, `#` a label, `@` a project, and the end of the line may say when. A word in quotes after a sign
 * may have blanks; any other use of the signs stays text.
 */

import { addDays, instantOf, nextWeekday, today } from "./days.js";

export const PRIORITIES = ["none", "low", "medium", "high", "urgent"];
export const HINT = "Water the plants !high #home @Garden tomorrow 18:00";

const SIGN = /(^|\s)([!#@])(?:"([^"]+)"|([^\s"!#@]+))(?=\s|$)/gu;
const TIME = /(?:^|\s)(?:at\s+)?(\d{1,2})(?::(\d{2}))?\s?(am|pm)?$/iu;
const DAY = /(?:^|\s)(?:(?:on|by)\s+)?(in \d{1,3} (?:days?|weeks?)|(?:next )?[a-z]{3,9}|\d{4}-\d\d-\d\d)$/iu;

/** Read a line: `{title, priority?, labels?, project?, due_date?, due_at?}`; `project` is the name as written. */
export function parse(line) {
  const found = { labels: [] };
  const signed = line.replace(SIGN, (whole, before, sign, quoted, word) =>
    take(found, sign, quoted ?? word) ? before : whole,
  );
  const { title, ...due } = splitDue(signed.replace(/\s+/gu, " ").trim());
  if (!found.labels.length) delete found.labels;
  return { ...found, ...due, title: title || signed.trim() };
}

/** Return the sign and the beginning of the word that the cursor is in, for suggestions; or null. */
export function wordAt(line, cursor) {
  const match = /(?:^|\s)([!#@])"?([^"!#@]*)$/u.exec(line.slice(0, cursor));
  return match && !(match[2].includes(" ") && !match[0].includes('"')) ? { sign: match[1], start: match[2] } : null;
}

/** Return the line with that word finished. */
export function finish(line, cursor, { sign }, word) {
  const before = line.slice(0, line.slice(0, cursor).lastIndexOf(sign));
  const written = /[\s!#@]/u.test(word) ? `"${word}"` : word;
  const begun = `${before}${sign}${written} `;
  return { line: begun + line.slice(cursor).trimStart(), cursor: begun.length };
}

function take(found, sign, word) {
  if (sign === "#") found.labels.push(word);
  if (sign === "@") found.project = word;
  if (sign !== "!") return true;
  const priority = PRIORITIES.find((each) => each.startsWith(word.toLowerCase()));
  if (priority) found.priority = priority;
  return Boolean(priority);
}

function splitDue(text) {
  const timed = TIME.exec(text);
  const time = timed && (timed[2] || timed[3]) ? clockTime(timed) : null;
  const rest = time ? text.slice(0, timed.index).trim() : text;
  const dated = DAY.exec(rest);
  const day = dated ? dayOfWords(dated[1].toLowerCase()) : null;
  if (!day && !time) return { title: text };
  const title = day ? rest.slice(0, dated.index).trim() : rest;
  if (!title) return { title: text }; // a line that only says when is a title
  return time ? { title, due_at: instantOf(day ?? today(), time) } : { title, due_date: day };
}

function clockTime([, hours, minutes = "00", half]) {
  let hour = Number(hours);
  if (half) hour = (hour % 12) + (half.toLowerCase() === "pm" ? 12 : 0);
  return hour < 24 && Number(minutes) < 60 ? `${String(hour).padStart(2, "0")}:${minutes}` : null;
}

function dayOfWords(words) {
  const now = today();
  if (/^\d{4}/u.test(words)) return addDays(words, 0) === words ? words : null; // there is no 31 February
  if (words === "today" || words === "tonight") return now;
  if (words === "tomorrow") return addDays(now, 1);
  if (words === "next week") return nextWeekday("monday", now);
  const ahead = /^in (\d+) (day|week)/u.exec(words);
  if (ahead) return addDays(now, Number(ahead[1]) * (ahead[2] === "week" ? 7 : 1));
  return nextWeekday(words.replace(/^next /u, ""), now);
}
