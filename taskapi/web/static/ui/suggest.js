/** Suggestions under an input (a combobox, by the ARIA practices): arrows choose, Enter or Tab takes, Esc closes. */

import { fill, h } from "./dom.js";

/** Offer what `find()` returns for what is being written in `input`; `take(name)` writes the one that was chosen. */
export function suggest(input, { find, take }) {
  const id = `${input.name}-suggestions`;
  const list = h("ul", { class: "suggestions", role: "listbox", id, "aria-label": "Suggestions", hidden: true });
  let names = [];
  let chosen = -1;

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
  input.addEventListener("keydown", press);
  input.after(list);

  function open() {
    names = find();
    chosen = -1;
    draw();
  }

  function close() {
    names = [];
    draw();
  }

  function pick(name) {
    close();
    take(name);
  }

  function press(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (!names.length) return;
    if (event.key in steps) chosen = (chosen + steps[event.key] + names.length) % names.length;
    else if (event.key === "Escape") close();
    else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) pick(names[chosen]);
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  }

  function draw() {
    list.hidden = !names.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    fill(list, names.map(option));
    if (chosen >= 0 && names.length) input.setAttribute("aria-activedescendant", `${id}-${chosen}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function option(name, index) {
    const choose = (event) => {
      event.preventDefault();
      pick(name);
    };
    return h(
      "li",
      { role: "option", id: `${id}-${index}`, "aria-selected": String(index === chosen), on: { pointerdown: choose } },
      name,
    );
  }
}
