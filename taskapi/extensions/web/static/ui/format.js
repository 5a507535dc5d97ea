/** User agents and audit entries as text. */

import { describeInstant } from "../text/dates.js";
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

/** Return browser and system of a user agent: "Firefox on Linux". */
export function describeBrowser(agent) {
  const findName = (pairs) => pairs.find(([pattern]) => agent?.includes(pattern))?.[1];
  const parts = [findName(BROWSERS), findName(SYSTEMS)].filter(Boolean);
  return parts.length ? parts.join(" on ") : (agent ?? "Unknown device");
}

/** Return an event name as text: "refresh_token_theft" as "Refresh token theft". */
export function describeEvent(event) {
  const parts = event.replaceAll("_", " ");
  return parts[0].toUpperCase() + parts.slice(1);
}

/** Return the list item of an entry of the full audit log, with the ids of subject and actor. */
export function auditLogEntry(entry) {
  const users = [
    entry.subject_id && `of ${entry.subject_id}`,
    entry.actor_id !== entry.subject_id && `by ${entry.actor_id ?? "nobody"}`,
  ];
  const element = activityEntry(entry);
  element.firstChild.append(h("p", {}, users.filter(Boolean).join(", ")));
  return element;
}

/** Return the list item of an audit entry of the current user. */
export function activityEntry(entry) {
  const details = [describeInstant(entry.at), entry.ip, entry.user_agent && describeBrowser(entry.user_agent)];
  return h("li", {}, h("div", {}, describeEvent(entry.event), h("p", {}, details.filter(Boolean).join(" · "))));
}
