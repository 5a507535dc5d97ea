/** How the records of the server read, for people. */

import { describeInstant } from "../text/days.js";
import { h } from "./dom.js";

const BROWSERS = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
  ["curl/", "curl"],
];
const SYSTEMS = [
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Windows", "Windows"],
  ["Mac OS", "macOS"],
  ["Linux", "Linux"],
];

/** Return a user agent in two words. */
export function browserOf(agent) {
  const named = (pairs) => pairs.find(([mark]) => agent?.includes(mark))?.[1];
  const words = [named(BROWSERS), named(SYSTEMS)].filter(Boolean);
  return words.length ? words.join(" on ") : (agent ?? "Unknown device");
}

/** Return an event of the audit log: "refresh_token_theft" as "Refresh token theft". */
export function eventWords(event) {
  const words = event.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** Return the element of an entry of the whole audit log, which says of whom it is. */
export function entryOfAll(entry) {
  const whose = [
    entry.subject_id && `of ${entry.subject_id}`,
    entry.actor_id !== entry.subject_id && `by ${entry.actor_id ?? "nobody"}`,
  ];
  const element = entryOfAudit(entry);
  element.firstChild.append(h("p", {}, whose.filter(Boolean).join(", ")));
  return element;
}

/** Return the element of an entry of the audit log. */
export function entryOfAudit(entry) {
  const about = [describeInstant(entry.at), entry.ip, entry.user_agent && browserOf(entry.user_agent)];
  return h("li", {}, h("div", {}, eventWords(entry.event), h("p", {}, about.filter(Boolean).join(" · "))));
}
