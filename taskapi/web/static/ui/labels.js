/** The labels of the open task: each can be taken off, and more be written. */

import { lists } from "../data/catalog.js";
import { h, refill } from "./dom.js";
import { suggest } from "./suggest.js";

/** Return the field. */
export function labelsField() {
  const chips = h("span", { class: "chips" });
  const input = h("input", {
    name: "label",
    id: "detail-labels",
    maxlength: 50,
    placeholder: "Add…",
    autocomplete: "off",
  });
  const element = h("div", { class: "labels-field", data: { labelled: input.id } }, chips, input);
  let names = [];

  suggest(input, { find: matches, take: add });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.defaultPrevented) return;
    event.preventDefault();
    add(input.value);
  });

  function matches() {
    const start = input.value.trim().toLowerCase();
    if (!start) return [];
    return lists.labels
      .map((each) => each.name)
      .filter((name) => name.toLowerCase().startsWith(start) && !names.includes(name))
      .slice(0, 8);
  }

  function add(name) {
    input.value = "";
    if (name.trim()) say([...new Set([...names, name.trim().replace(/^@/u, "")])]);
  }

  function say(wanted) {
    names = wanted;
    draw();
    element.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function chip(name) {
    const take = () => {
      say(names.filter((each) => each !== name));
      input.focus();
    };
    const attributes = { type: "button", class: "quiet", "aria-label": `Remove label ${name}`, on: { click: take } };
    return h("span", { class: "chip label" }, name, h("button", attributes, "×"));
  }

  function draw() {
    refill(chips, names, () => names.map(chip));
  }

  const read = () => ({ labels: names.concat(input.value.trim() || []) });
  const write = (task) => {
    names = task.labels;
    draw();
  };
  return { label: "Labels", element, read, write };
}
