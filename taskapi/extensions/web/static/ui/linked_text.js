/** Text whose links can be clicked. */

import { splitLinks } from "../text/links.js";
import { h } from "./dom.js";

/** Return a text as nodes, with its links as elements. */
export function linkedText(text) {
  return splitLinks(text).map((part) => (part.href ? link(part) : part.text));
}

/** Lay the links of a textarea over it, at their places. Returns `{element, update}`; call `update` for a new value.
 *
 * The other words of the layer take up space only: readers of the page, by screen or by voice, get them from the
 * textarea. While the textarea has the focus it shows its own text.
 */
export function withLinks(textarea, label) {
  const layer = h("div", { class: "link-layer", dir: "auto", role: "group", "aria-label": label });
  const update = () => {
    const parts = splitLinks(textarea.value);
    const hasLinks = parts.some(({ href }) => href);
    layer.hidden = !hasLinks;
    layer.replaceChildren(
      ...(hasLinks
        ? parts.map((part) => (part.href ? link(part) : h("span", { "aria-hidden": "true" }, part.text)))
        : []),
    );
  };
  textarea.addEventListener("input", update);
  return { element: h("div", { class: "linked-field" }, textarea, layer), update };
}

function link({ text, href }) {
  return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, text);
}
