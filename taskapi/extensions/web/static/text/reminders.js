/** Reminders in English. A reminder is an instant, or a duration of ISO 8601 before the due date: "PT30M". */

import { describeInstant } from "./dates.js";

const UNITS = { D: "day", H: "hour", M: "minute" };
const TIMED = ["PT0S", "PT10M", "PT30M", "PT1H", "P1D", "P7D"];
const OF_DAY = ["PT0S", "PT15H", "P1D", "P2D", "P7D"];

/** The most reminders that a task may have. */
export const MAX_REMINDERS = 10;

/** Return the durations that the form of a task offers. */
export function offeredReminders({ due_date: day, due_at: instant }) {
  return day ? OF_DAY : instant ? TIMED : [];
}

/** Return a reminder of a task as text. A task that is due on a day counts as due at 9:00. */
export function describeReminder(reminder, { due_date: day }) {
  if (!reminder.startsWith("P")) return describeInstant(reminder);
  const parts = [...reminder.matchAll(/(\d+)([DHM])/gu)].map(([, number, unit]) => countUnits(number, UNITS[unit]));
  if (!parts.length) return day ? "At 9:00" : "At the due time";
  return `${parts.join(" ")} before${day ? " 9:00" : ""}`;
}

function countUnits(number, unit) {
  return number === "1" ? `1 ${unit}` : `${number} ${unit}s`;
}
