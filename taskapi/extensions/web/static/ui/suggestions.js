/** Suggestions below an input: a combobox of the ARIA practices. Arrows select, Enter or Tab inserts, Esc closes. */

import { h, setChildren } from "./dom.js";

/** Suggest the names that `findNames()` returns for the text of `input`; `onPick(name)` inserts the chosen one. */
export function addSuggestions(input, { findNames, onPick }) {
  const id = `${input.name}-suggestions`;
  const list = h("ul", { class: "suggestions", role: "listbox", id, "aria-label": "Suggestions", hidden: true });
  let names = [];
  let selectedIndex = -1;

  for (const [name, value] of Object.entries({
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-controls": id,
    "aria-expanded": "false",
  })) {
    input.setAttribute(name, value);
  }
  input.addEventListener("input", open);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", handleKey);
  input.after(list);

  function open() {
    names = findNames();
    selectedIndex = -1;
    draw();
  }

  function close() {
    names = [];
    draw();
  }

  function pickName(name) {
    close();
    onPick(name);
  }

  function handleKey(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (!names.length) return;
    if (event.key in steps) selectedIndex = (selectedIndex + steps[event.key] + names.length) % names.length;
    else if (event.key === "Escape") close();
    else if ((event.key === "Enter" || event.key === "Tab") && selectedIndex >= 0) pickName(names[selectedIndex]);
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  }

  function draw() {
    list.hidden = !names.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    setChildren(list, names.map(option));
    if (selectedIndex >= 0 && names.length) input.setAttribute("aria-activedescendant", `${id}-${selectedIndex}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function option(name, index) {
    const pickThis = (event) => {
      event.preventDefault();
      pickName(name);
    };
    return h(
      "li",
      {
        role: "option",
        dir: "auto",
        id: `${id}-${index}`,
        "aria-selected": String(index === selectedIndex),
        on: { pointerdown: pickThis },
      },
      name,
    );
  }
}
