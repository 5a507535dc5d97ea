/** The parser of quick add: `Water the plants !high #Garden @home tomorrow 18:00`.
 *
 * `!` sets the priority, `#` the project, `@` a label; the end of the line may be a due date. A quoted name may contain
 * spaces; an unquoted one starts with a letter, so that `#42` is text. The due date may repeat: `every Monday 9am`.
 * Words that are not recognized stay in the title.
 */

import { parseDue } from "./due_parser.js";
import { parseRepeating } from "./repeat_parser.js";

export const PRIORITIES = ["none", "low", "medium", "high", "urgent"];
export const EXAMPLE = "Water the plants !high #Garden @home tomorrow 18:00";

const MAX_LABELS = 20;
const MAX_LENGTHS = { "#": 100, "@": 50 };
const NAME = String.raw`[\p{L}\p{Extended_Pictographic}_][^\s"!#@]*?`;
const SIGN = new RegExp(String.raw`(^|\s)([!#@])(?:"([^"]+)"|(${NAME}))(?=[,;:.?)]*(?:\s|$))`, "gu");
const PLAIN = new RegExp(`^(?:${NAME})$`, "u");
const KINDS = { "!": "priority", "#": "project", "@": "label" };

/** Parse a line: `{title, understood}`, and those of `priority`, `labels`, `project`, `due_date`, `due_at`,
 * `recurrence` and `recurrence_from` that it has.
 *
 * `project` is the name as written. `understood` lists the recognized parts, `{kind, words, value}` each. Words in
 * `kept` stay in the title; signs among them do not affect the due date.
 */
export function parseQuickAdd(line, kept = []) {
  const text = line.replace(/\s+/gu, " ").trim();
  const isKept = (words) => kept.some((each) => containsPhrase(each, words));
  const signs = selectSigns(text, isKept);
  const rest = removeSigns(text, signs);
  if (!rest) return { title: text, understood: [] }; // a line that is only signs is a title
  const keptSigns = matchSigns(rest).filter(({ words }) => isKept(words));
  const bare = removeSigns(rest, keptSigns);
  const when = parseRepeating(bare, isKept) ?? parseDue(bare, isKept);
  const { title: start, words, ...due } = when ?? {};
  const title = when ? insertSigns(start, rest, keptSigns) : rest;
  const labels = valuesOf(signs, "label");
  return {
    title,
    ...(labels.length && { labels }),
    ...Object.fromEntries(signs.filter(({ kind }) => kind !== "label").map(({ kind, value }) => [kind, value])),
    ...due,
    understood: [
      ...signs.map(({ kind, words: said, value }) => ({ kind, words: said, value })),
      ...(when ? [{ kind: "due", words, value: due }] : []),
    ],
  };
}

/** Return sign and start of the word at the cursor, for suggestions, or null. */
export function findWordAt(line, cursor) {
  const match = /(?:^|\s)([!#@])"?([^"!#@]*)$/u.exec(line.slice(0, cursor));
  return match && !(match[2].includes(" ") && !match[0].includes('"')) ? { sign: match[1], start: match[2] } : null;
}

/** Return the line with that word completed. */
export function completeWord(line, cursor, { sign }, word) {
  const before = line.slice(0, line.slice(0, cursor).lastIndexOf(sign));
  const written = PLAIN.test(word) && !/[,;:.?)]$/u.test(word) ? word : `"${word}"`;
  const begun = `${before}${sign}${written} `;
  return { line: begun + line.slice(cursor).trimStart(), cursor: begun.length };
}

/** Return the signs of a text, `{kind, start, end, words, value}` each; `value` is empty if the name is not valid. */
function matchSigns(text) {
  return [...text.matchAll(SIGN)].map(({ 0: whole, 1: before, 2: sign, 3: quoted, 4: name, index }) => ({
    kind: KINDS[sign],
    start: index,
    end: index + whole.length,
    words: whole.slice(before.length),
    value: sign === "!" ? priorityOf(name) : valueOf(sign, quoted ?? name),
  }));
}

/** Return the signs that count. A task has one priority and one project: the last of each; earlier ones are text. */
function selectSigns(text, isKept) {
  const meant = matchSigns(text).filter(({ words, value }) => value && !isKept(words));
  const labels = meant.filter(({ kind }) => kind === "label").slice(0, MAX_LABELS);
  const lasts = ["priority", "project"].map((kind) => meant.findLast((each) => each.kind === kind));
  return meant.filter((each) => labels.includes(each) || lasts.includes(each));
}

function priorityOf(word) {
  return word && PRIORITIES.find((each) => each.startsWith(word.toLowerCase()));
}

function valueOf(sign, name) {
  const value = name.trim();
  return [...value].length <= MAX_LENGTHS[sign] ? value : "";
}

function valuesOf(signs, wanted) {
  return signs.filter(({ kind }) => kind === wanted).map(({ value }) => value);
}

function removeSigns(text, signs) {
  const parts = signs.map(({ start }, i) => text.slice(signs[i - 1]?.end ?? 0, start));
  return [...parts, text.slice(signs.at(-1)?.end ?? 0)].join("").trim();
}

/** Return the start of a text, which was parsed without these signs, with the signs at their positions. */
function insertSigns(start, text, signs) {
  const ends = [...signs.map((sign) => sign.start), text.length];
  let left = start.length + (signs[0]?.start === 0 ? 1 : 0); // the blank after a sign at the start was trimmed
  return ends
    .map((end, i) => {
      const part = text.slice(signs[i - 1]?.end ?? 0, end).slice(0, left);
      left -= part.length;
      return part + text.slice(signs[i]?.start ?? text.length, signs[i]?.end);
    })
    .join("")
    .trim();
}

/** Whether one of two phrases contains the other as consecutive words. */
function containsPhrase(one, other) {
  const [first, second] = [one, other].map((words) => ` ${words.toLowerCase()} `);
  return first.includes(second) || second.includes(first);
}
