/** The form field of a recurrence: simple choices, and a text field for other rules. */

import { dueDay, today } from "../text/dates.js";
import { parseRepeat } from "../text/repeat_parser.js";
import { CHOICES, describeRecurrence, isRule } from "../text/rules.js";
import { h, setChildrenIfChanged } from "./dom.js";

const OTHER = "other";
const HINT = "such as every 2 weeks, or a rule of RFC 5545";

/** Return the field. Choosing a rule for a task without a due date makes it due today. */
export function recurrenceField() {
  const choice = h("select", { name: "recurrence", id: "detail-recurrence" });
  const text = h("input", {
    name: "rule",
    maxlength: 200,
    autocomplete: "off",
    placeholder: "every 2 weeks",
    "aria-label": `Rule, ${HINT}`,
  });
  const start = h(
    "select",
    { name: "recurrence_from", "aria-label": "Next date" },
    h("option", { value: "due" }, "after the due date"),
    h("option", { value: "completion" }, "after completion"),
  );
  const element = h("div", { class: "repeat-field", data: { labelled: choice.id } }, choice, text, start);
  let shown = null;

  const update = () => {
    text.hidden = choice.value !== OTHER;
    start.hidden = !choice.value;
    const isValid = text.hidden || !text.value.trim() || ruleOf(text.value);
    text.setCustomValidity(isValid ? "" : `Enter a rule, ${HINT}.`);
  };
  choice.addEventListener("change", (event) => {
    update();
    if (choice.value !== OTHER) return;
    event.stopPropagation(); // there is no rule to save yet
    text.value = shown?.recurrence ?? "";
    text.focus();
  });
  text.addEventListener("input", update);
  text.addEventListener("change", () => text.reportValidity());

  const read = () => {
    const rule = choice.value === OTHER ? ruleOf(text.value) : choice.value || null;
    if (rule === undefined) return {}; // half-typed
    const needsDay = rule && shown && !dueDay(shown);
    return {
      recurrence: rule,
      ...(rule && { recurrence_from: start.value }),
      ...(needsDay && { due_date: today(), due_at: null }),
    };
  };
  const write = (task) => {
    shown = task;
    const rule = task.recurrence ?? "";
    const isOffered = !rule || rule in CHOICES;
    const current = isOffered ? [] : [[rule, describeRecurrence({ recurrence: rule })]];
    const options = [["", "Never"], ...Object.entries(CHOICES), ...current, [OTHER, "Other …"]];
    setChildrenIfChanged(choice, options, () => options.map(([value, words]) => h("option", { value }, words)));
    choice.value = rule;
    text.value = "";
    start.value = task.recurrence_from ?? "due";
    update();
  };
  return { label: "Repeat", element, read, write };
}

/** Return the rule of a text: words, or a rule itself. Null without text, undefined if it is neither. */
function ruleOf(text) {
  const trimmed = text.trim();
  if (!trimmed) return undefined;
  const rule = isRule(trimmed) ? trimmed.toUpperCase().replace(/^RRULE:/u, "") : undefined;
  return parseRepeat(trimmed)?.recurrence ?? rule;
}
