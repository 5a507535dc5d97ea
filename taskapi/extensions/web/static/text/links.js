/** Finds the links in a text. Only http, https and mailto become links; anything else stays text. */

const PROTOCOLS = new Set(["http:", "https:", "mailto:"]);
const CANDIDATE = /\b(?:https?:\/\/|mailto:)[^\s<>"“”„]+/giu;

/** Split a text into parts `{text, href}`; `href` is null for a part that is no link. The parts join to the text. */
export function splitLinks(text) {
  const parts = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(CANDIDATE)) {
    const link = withoutEnd(found);
    const href = safeUrl(link);
    if (!href) continue;
    if (index > end) parts.push({ text: text.slice(end, index), href: null });
    parts.push({ text: link, href });
    end = index + link.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), href: null });
  return parts;
}

/** Return the URL without the punctuation of the sentence around it: "(see https://example.org/a_(b))." */
function withoutEnd(url) {
  let link = url;
  for (;;) {
    const isUnbalanced = link.endsWith(")") && link.split(")").length > link.split("(").length;
    if (!isUnbalanced && !/[.,;:!?'’\]]$/u.test(link)) return link;
    link = link.slice(0, -1);
  }
}

function safeUrl(link) {
  if (!URL.canParse(link)) return null;
  const { protocol, href } = new URL(link);
  return PROTOCOLS.has(protocol) ? href : null;
}
