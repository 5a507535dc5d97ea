/** The labels field of the open task: add and remove labels. */

import { catalog } from "../data/catalog.js";
import { h, setChildrenIfChanged } from "./dom.js";
import { addSuggestions } from "./suggestions.js";

/** Return the field, in the form that `taskFields()` describes. */
export function labelsField() {
  const chips = h("span", { class: "chips" });
  const input = h("input", {
    name: "label",
    id: "detail-labels",
    maxlength: 50,
    placeholder: "Add a label",
    dir: "auto",
    autocomplete: "off",
  });
  const element = h("div", { class: "labels-field", data: { labelled: input.id } }, chips, input);
  let names = [];

  addSuggestions(input, { findNames: findMatches, onPick: addName });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.defaultPrevented) return;
    event.preventDefault();
    addName(input.value);
  });

  function findMatches() {
    const start = input.value.trim().toLowerCase();
    if (!start) return [];
    return catalog.labels
      .map((each) => each.name)
      .filter((name) => name.toLowerCase().startsWith(start) && !names.includes(name))
      .slice(0, 8);
  }

  function addName(name) {
    input.value = "";
    if (name.trim()) setNames([...new Set([...names, name.trim().replace(/^@/u, "")])]);
  }

  function setNames(newNames) {
    names = newNames;
    draw();
    element.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function chip(name) {
    const removeLabel = () => {
      setNames(names.filter((each) => each !== name));
      input.focus();
    };
    const handleKey = (event) => {
      if (event.key !== "Delete" && event.key !== "Backspace") return;
      event.preventDefault();
      removeLabel();
    };
    const attributes = {
      type: "button",
      class: "quiet",
      "aria-label": `Remove label ${name}`,
      on: { click: removeLabel, keydown: handleKey },
    };
    return h("span", { class: "chip label" }, h("bdi", {}, name), h("button", attributes, "×"));
  }

  function draw() {
    setChildrenIfChanged(chips, names, () => names.map(chip));
  }

  const read = () => ({ labels: names.concat(input.value.trim() || []) });
  const write = (task) => {
    names = task.labels;
    draw();
  };
  return { label: "Labels", element, read, write };
}
