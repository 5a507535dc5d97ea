/** Forms: labelled fields with their errors, and one request at a time. */

import { EditConflict } from "../data/edit.js";
import { isSame } from "../data/merge.js";
import { h, setChildren } from "./dom.js";

/** The field that an error code is about, where the error itself names none. */
const FIELD_BY_CODE = { username_taken: "username", name_taken: "name" };

let count = 0;

/** Create a labelled field with a hint below it. Ids are numbered: a dialog may have a field of the same name. */
export function formField(label, input, hint = null) {
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

/** Create a form. `send(values)` sends the request, `done(result)` runs after it; errors are shown at their fields.
 *
 * With `edits`, only the values that the user changed are sent, and nothing if there are none: other values may have
 * changed elsewhere since the form was filled. `reload(current)` shows the form again, after a conflicting change.
 */
export function form({ send, done = () => {}, edits = false, reload = null, submitLabel, children, extra = [] }) {
  const errorElement = h("p", { class: "error", role: "alert" });
  const button = h("button", { class: "primary", type: "submit" }, submitLabel);
  const element = h(
    "form",
    { novalidate: true, on: { submit: handleSubmit } },
    ...children,
    errorElement,
    h("div", { class: "buttons" }, ...extra, button),
  );
  let initialValues = readValues(element);

  function handleSubmit(event) {
    event.preventDefault();
    return runAlone(button, submit);
  }

  async function submit() {
    clearErrors(element, errorElement);
    try {
      const values = readValues(element);
      const submitted = edits ? changedValues(initialValues, values) : values;
      const result = edits && !Object.keys(submitted).length ? null : await send(submitted, element);
      initialValues = values;
      await done(result);
    } catch (problem) {
      const isShown = showFieldErrors(element, problem);
      const isConflict = problem instanceof EditConflict;
      setChildren(errorElement, !isShown && problem.message, isConflict && reloadButton(() => reload(problem.current)));
      if (!problem.status && !problem.isRetryable) throw problem;
    }
  }

  return element;
}

/** Return the values with null instead of empty strings. */
export function blanksToNull(values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === "" ? null : value]));
}

/** Create a button that runs one action at a time; `onError` receives its errors. */
export function actionButton(attributes, run, onError, ...children) {
  const click = () => runAlone(button, () => run().catch(onError));
  const button = h("button", { type: "button", ...attributes, on: { click } }, ...children);
  return button;
}

/** Run the action of a button unless it is running. The button is not `disabled`, because it would lose the focus. */
async function runAlone(button, run) {
  if (button.hasAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  await run().finally(() => button.removeAttribute("aria-disabled"));
}

/** Return the values of a form by name. A checkbox is true or false; checkboxes with a `value` are a list. */
function readValues(element) {
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

function reloadButton(click) {
  return h("button", { type: "button", class: "link", on: { click } }, "Reload");
}

function changedValues(before, now) {
  return Object.fromEntries(Object.entries(now).filter(([name, value]) => !isSame(value, before[name])));
}

function clearErrors(element, errorElement) {
  errorElement.textContent = "";
  for (const input of element.elements) input.removeAttribute("aria-invalid");
  for (const hint of element.querySelectorAll("[data-hint]")) hint.textContent = hint.dataset.hint;
}

/** Show the errors of each field below it. Returns whether all errors were shown. */
function showFieldErrors(element, problem) {
  const errorsByField = FIELD_BY_CODE[problem.code]
    ? { [FIELD_BY_CODE[problem.code]]: problem.message }
    : problem.errors?.json;
  const errors = Object.entries(errorsByField ?? {});
  const shown = errors.filter(([name, messages]) => {
    const input = element.elements.namedItem(name);
    if (!(input instanceof Element)) return false; // none, or several checkboxes
    input.setAttribute("aria-invalid", "true");
    element.querySelector(`#${input.id}-says`).textContent = [messages].flat().join(" ");
    return true;
  });
  element.querySelector("[aria-invalid]")?.focus();
  return errors.length > 0 && shown.length === errors.length;
}
