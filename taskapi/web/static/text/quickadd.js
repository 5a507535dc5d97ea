/** The grammar of quick add: `Water the plants !high #Garden @home tomorrow 18:00`.
 *
 * `!` gives a priority, `#` a project, `@` a label, and the end of the line may say when. A name in quotes after a sign
 * may have blanks; without quotes it begins with a letter, so that `#42` is text. What is not understood stays in the
 * title, and no word is lost.
 */

import { readWhen } from "./when.js";

export const PRIORITIES = ["none", "low", "medium", "high", "urgent"];
export const HINT = "Water the plants !high #Garden @home tomorrow 18:00";

const MOST_LABELS = 20;
const LONGEST = { "#": 100, "@": 50 };
const NAME = String.raw`[\p{L}\p{Extended_Pictographic}_][^\s"!#@]*?`;
const SIGN = new RegExp(String.raw`(^|\s)([!#@])(?:"([^"]+)"|(${NAME}))(?=[,;:.?)]*(?:\s|$))`, "gu");
const PLAIN = new RegExp(`^(?:${NAME})$`, "u");
const KINDS = { "!": "priority", "#": "project", "@": "label" };

/** Read a line: `{title, priority?, labels?, project?, due_date?, due_at?, understood}`.
 *
 * `project` is the name as written. `understood` lists what was read, `{kind, words, value}` each. Words that are in
 * `kept` stay in the title; signs among them do not change the date that is read.
 */
export function parse(line, kept = []) {
  const text = line.replace(/\s+/gu, " ").trim();
  const isKept = (words) => kept.some((each) => overlap(each, words));
  const signs = readSigns(text, isKept);
  const rest = without(text, signs);
  if (!rest) return { title: text, understood: [] }; // a line of signs alone is a title
  const keptSigns = matchSigns(rest).filter(({ words }) => isKept(words));
  const when = readWhen(without(rest, keptSigns), isKept);
  const { title: start, words, ...due } = when ?? {};
  const title = when ? titleWith(start, rest, keptSigns) : rest;
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

/** Return the sign and the beginning of the word that the cursor is in, for suggestions; or null. */
export function wordAt(line, cursor) {
  const match = /(?:^|\s)([!#@])"?([^"!#@]*)$/u.exec(line.slice(0, cursor));
  return match && !(match[2].includes(" ") && !match[0].includes('"')) ? { sign: match[1], start: match[2] } : null;
}

/** Return the line with that word finished. */
export function finish(line, cursor, { sign }, word) {
  const before = line.slice(0, line.slice(0, cursor).lastIndexOf(sign));
  const written = PLAIN.test(word) && !/[,;:.?)]$/u.test(word) ? word : `"${word}"`;
  const begun = `${before}${sign}${written} `;
  return { line: begun + line.slice(cursor).trimStart(), cursor: begun.length };
}

/** Return the signs of a text: `{kind, start, end, words, value}` each; `value` is empty for what is no such thing. */
function matchSigns(text) {
  return [...text.matchAll(SIGN)].map(({ 0: whole, 1: before, 2: sign, 3: quoted, 4: name, index }) => ({
    kind: KINDS[sign],
    start: index,
    end: index + whole.length,
    words: whole.slice(before.length),
    value: sign === "!" ? priorityOf(name) : valueOf(sign, quoted ?? name),
  }));
}

/** Return what the signs say. A task has one priority and one project: the last of each; those before it are text. */
function readSigns(text, isKept) {
  const meant = matchSigns(text).filter(({ words, value }) => value && !isKept(words));
  const labels = meant.filter(({ kind }) => kind === "label").slice(0, MOST_LABELS);
  const lasts = ["priority", "project"].map((kind) => meant.findLast((each) => each.kind === kind));
  return meant.filter((each) => labels.includes(each) || lasts.includes(each));
}

function priorityOf(word) {
  return word && PRIORITIES.find((each) => each.startsWith(word.toLowerCase()));
}

function valueOf(sign, name) {
  const value = name.trim();
  return [...value].length <= LONGEST[sign] ? value : "";
}

function valuesOf(signs, wanted) {
  return signs.filter(({ kind }) => kind === wanted).map(({ value }) => value);
}

function without(text, signs) {
  const parts = signs.map(({ start }, i) => text.slice(signs[i - 1]?.end ?? 0, start));
  return [...parts, text.slice(signs.at(-1)?.end ?? 0)].join("").trim();
}

/** Return the start of a text that was read without these signs, with the signs back in their places. */
function titleWith(start, text, signs) {
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

/** Tell whether one of two phrases has all the words of the other, next to each other. */
function overlap(one, other) {
  const [first, second] = [one, other].map((words) => ` ${words.toLowerCase()} `);
  return first.includes(second) || second.includes(first);
}
