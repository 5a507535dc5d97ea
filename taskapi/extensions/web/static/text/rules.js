/** The rules of recurring tasks (RFC 5545) in English: "Every 2 weeks on Mon and Thu". */

const UNITS = { DAILY: "day", WEEKLY: "week", MONTHLY: "month", YEARLY: "year" };
const WEEKDAYS = { MO: "Mon", TU: "Tue", WE: "Wed", TH: "Thu", FR: "Fri", SA: "Sat", SU: "Sun" };
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The rules that the form of a task offers. */
export const CHOICES = {
  "FREQ=DAILY": "Every day",
  "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR": "Monday to Friday",
  "FREQ=WEEKLY": "Every week",
  "FREQ=WEEKLY;INTERVAL=2": "Every 2 weeks",
  "FREQ=MONTHLY": "Every month",
  "FREQ=MONTHLY;BYMONTHDAY=-1": "Last day of the month",
  "FREQ=YEARLY": "Every year",
};

/** Whether a text has the form of a rule. The server checks its parts. */
export function isRule(text) {
  return /^(?:RRULE:)?[A-Z]+=[A-Z0-9,+-]+(?:;[A-Z]+=[A-Z0-9,+-]+)*;?$/iu.test(text);
}

/** Return the recurrence of a task as text. */
export function describeRecurrence({ recurrence, recurrence_from: start }) {
  return describeRule(recurrence) + (start === "completion" ? " after completion" : "");
}

/** Return a rule as text. A part that has no words here is shown as it is. */
function describeRule(rule) {
  if (CHOICES[rule]) return CHOICES[rule];
  const { FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, COUNT, UNTIL, ...others } = Object.fromEntries(
    rule.split(";").map((part) => part.split("=")),
  );
  delete others.WKST;
  const days = [BYDAY && describeWeekdays(BYDAY, BYSETPOS), BYMONTHDAY && joinWords(BYMONTHDAY, describeMonthDay)];
  const words = [
    INTERVAL ? `Every ${INTERVAL} ${UNITS[FREQ]}s` : `Every ${UNITS[FREQ]}`,
    ...days.filter(Boolean).map((each) => `on ${each}`),
    BYMONTH && `in ${joinWords(BYMONTH, (month) => MONTHS[month - 1])}`,
    others.BYHOUR && `at ${others.BYHOUR}:${others.BYMINUTE.padStart(2, "0")}`,
    UNTIL && `until ${UNTIL.slice(0, 4)}-${UNTIL.slice(4, 6)}-${UNTIL.slice(6, 8)}`,
    COUNT && (COUNT === "1" ? "for the last time" : `${COUNT} more times`),
  ];
  return words.filter(Boolean).join(" ");
}

function describeWeekdays(names, position) {
  const day = (name) => [name.slice(0, -2) && ordinal(Number(name.slice(0, -2))), WEEKDAYS[name.slice(-2)]];
  const words = joinWords(names, (name) => day(name).filter(Boolean).join(" "));
  return position ? `the ${ordinal(Number(position))} of ${words}` : /\d/u.test(names) ? `the ${words}` : words;
}

function describeMonthDay(day) {
  return `the ${ordinal(Number(day))}${day < 0 ? " day" : ""}`;
}

function ordinal(number) {
  if (number === -1) return "last";
  if (number < 0) return `${ordinal(-number)} last`;
  const isTeen = number > 10 && number < 14;
  return `${number}${(!isTeen && ["", "st", "nd", "rd"][number % 10]) || "th"}`;
}

function joinWords(names, describe) {
  return new Intl.ListFormat("en").format(names.split(",").map(describe));
}
