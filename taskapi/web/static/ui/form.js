/** Forms: labelled fields, what is wrong beside each, one request at a time. */

import { same } from "../data/merge.js";
import { h } from "./dom.js";

/** Errors that are about one field, by their code. */
const TAKEN = { username_taken: "username", name_taken: "name" };

let count = 0;

/** Make a labelled field; `hint` stands under it. Ids are counted: a dialog may have a field of the same name. */
export function field(label, input, hint = null) {
  count += 1;
  const id = `field-${count}`;
  input.id = id;
  input.setAttribute("aria-describedby", `${id}-says`);
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    input,
    h("p", { class: "hint", id: `${id}-says`, data: { hint: hint ?? "" } }, hint),
  );
}

/** Make a form whose `send(values)` does the request and `done(result)` what follows; errors are shown at their fields.
 *
 * A form that `edits` something sends only the values that its user changed, and no request if there are none: other
 * values may have changed elsewhere since the form was filled.
 */
export function form({ send, done = () => {}, edits = false, action, children, extra = [] }) {
  const said = h("p", { class: "error", role: "alert" });
  const button = h("button", { class: "primary", type: "submit" }, action);
  const element = h(
    "form",
    { novalidate: true, on: { submit } },
    ...children,
    said,
    h("div", { class: "buttons" }, ...extra, button),
  );
  let filled = valuesOf(element);

  async function submit(event) {
    event.preventDefault();
    clear(element, said);
    button.disabled = true;
    try {
      const values = valuesOf(element);
      const sent = edits ? changed(filled, values) : values;
      const result = edits && !Object.keys(sent).length ? null : await send(sent, element);
      filled = values;
      await done(result);
    } catch (problem) {
      said.textContent = place(element, problem) ? "" : problem.message;
      if (!problem.status && !problem.passing) throw problem;
    } finally {
      button.disabled = false;
    }
  }

  return element;
}

/** Return values with null in the place of empty texts. */
export function nullBlanks(values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === "" ? null : value]));
}

/** Make a button that does one thing at a time; `fail` is told what went wrong. */
export function acting(attributes, work, fail, ...children) {
  const button = h("button", { type: "button", ...attributes, on: { click: run } }, ...children);

  async function run() {
    button.disabled = true;
    await work()
      .catch(fail)
      .finally(() => {
        button.disabled = false;
      });
  }

  return button;
}

/** Return the values of a form by name: true or false for a checkbox, the checked values for several of one name. */
function valuesOf(element) {
  const values = {};
  for (const input of element.elements) {
    const { name, type, value, checked } = input;
    if (!name) continue;
    if (type !== "checkbox") values[name] = value;
    else if (!input.hasAttribute("value")) values[name] = checked;
    else values[name] = [...(values[name] ?? []), ...(checked ? [value] : [])];
  }
  return values;
}

function changed(before, now) {
  return Object.fromEntries(Object.entries(now).filter(([name, value]) => !same(value, before[name])));
}

function clear(element, said) {
  said.textContent = "";
  for (const input of element.elements) input.removeAttribute("aria-invalid");
  for (const hint of element.querySelectorAll(".hint")) hint.textContent = hint.dataset.hint;
}

/** Show each field's errors next to it; returns whether all were shown. */
function place(element, problem) {
  const named = TAKEN[problem.code] ? { [TAKEN[problem.code]]: problem.message } : problem.errors?.json;
  const errors = Object.entries(named ?? {});
  const placed = errors.filter(([name, messages]) => {
    const input = element.elements.namedItem(name);
    if (!input) return false;
    input.setAttribute("aria-invalid", "true");
    element.querySelector(`#${input.id}-says`).textContent = [messages].flat().join(" ");
    return true;
  });
  element.querySelector("[aria-invalid]")?.focus();
  return errors.length > 0 && placed.length === errors.length;
}
