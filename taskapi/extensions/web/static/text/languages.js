/** The words for days and times that quick add recognizes, as patterns for each language.
 *
 * `repeats` are words of repetition, and `inRepeats` are words that may follow them. A date after a word of `blocks` is
 * not a due date. To add a language, add an object.
 */

import { LOCALE } from "./dates.js";

const ENGLISH = {
  months:
    "jan(?:uary)? feb(?:ruary)? mar(?:ch)? apr(?:il)? may june? july? aug(?:ust)? sept?(?:ember)? oct(?:ober)? " +
    "nov(?:ember)? dec(?:ember)?",
  weekdays:
    "sun(?:day)? mon(?:day)? tue(?:s(?:day)?)? wed(?:nesday)? thu(?:r(?:s(?:day)?)?)? fri(?:day)? sat(?:urday)?",
  days: ["today", "tomorrow|tmrw", "(?:the )?day after tomorrow"],
  parts: {
    morning: "09:00",
    "noon|midday": "12:00",
    afternoon: "15:00",
    evening: "19:00",
    night: "21:00",
  },
  beforePart: "in the |at ",
  tonight: "tonight",
  noon: "at (?:noon|midday)",
  thisOne: "this",
  nextOne: "next",
  weekend: "weekend",
  units: { day: "days?", week: "weeks?", month: "months?", year: "years?" },
  hours: "hours?|hrs?",
  minutes: "minutes?|mins?",
  numbers: ["an?|one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
  ordinal: "st|nd|rd|th",
  param: "of ",
  beforeDay: "(?:due )?(?:on|by|for) |due ",
  beforeTime: "(?:due )?(?:at|by|for) |@ ?|due ",
  clock: "(\\d{1,2})(?:[:.](\\d{2}))? ?([ap])\\.?m\\.?",
  every: "every|each",
  other: "other|second",
  workday: "weekday|workday|working day",
  adverbs: { day: "daily", week: "weekly", month: "monthly", year: "yearly|annually" },
  pluralWeekdays: "sundays mondays tuesdays wednesdays thursdays fridays saturdays",
  joins: ", (?:and )?| and | & ",
  onDay: "on ",
  repeats: "every|each|daily|weekly|monthly|yearly|(?:sun|mon|tues|wednes|thurs|fri|satur)days|weekdays",
  inRepeats:
    "days?|weeks?|months?|years?|hours?|mornings?|evenings?|nights?|afternoons?|weekday|other|second|third|first|" +
    "last|and|or|the|of|on|at|by|for",
  blocks:
    "the|an?|last|past|since|after|before|from|to|until|till|and|or|between|than|not|my|our|your|this|next|of|in|at|" +
    "on|for|by|with|during|about|around",
};

const GERMAN = {
  months:
    "jan(?:uar)? feb(?:ruar)? mär(?:z)?|mrz apr(?:il)? mai juni? juli? aug(?:ust)? sept?(?:ember)? okt(?:ober)? " +
    "nov(?:ember)? dez(?:ember)?",
  weekdays: "sonntag montag dienstag mittwoch donnerstag freitag samstag|sonnabend",
  days: ["heute", "morgen", "übermorgen"],
  parts: {
    "früh|morgen|vormittag": "09:00",
    "mittags?": "12:00",
    nachmittag: "15:00",
    abend: "19:00",
    nacht: "21:00",
  },
  beforePart: "am ",
  tonight: "heute nacht",
  noon: "mittags",
  thisOne: "diese[nrs]?",
  nextOne: "nächste[nrs]?|kommende[nrs]?",
  weekend: "wochenende",
  units: { day: "tag(?:en?)?", week: "wochen?", month: "monat(?:en?)?", year: "jahr(?:en?)?" },
  hours: "stunden?",
  minutes: "minuten?",
  numbers: ["eine[mrn]?", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn"],
  ordinal: "",
  param: "",
  beforeDay: "am |bis (?:zum )?|für |zum ",
  beforeTime: "um |bis (?:um )?|gegen ",
  clock: "(\\d{1,2})(?:[:.](\\d{2}))? ?uhr()",
  every: "jede[nrsm]?|alle",
  other: "zweite[nrs]?|andere[nrs]?",
  workday: "werktag|arbeitstag",
  adverbs: { day: "täglich", week: "wöchentlich", month: "monatlich", year: "jährlich" },
  pluralWeekdays: "sonntags montags dienstags mittwochs donnerstags freitags samstags",
  joins: ", (?:und )?| und | & ",
  onDay: "am ",
  repeats: "jede[nrsm]?|täglich|wöchentlich|monatlich|jährlich|(?:sonn|mon|diens|donners|frei|sams)tags|mittwochs",
  inRepeats:
    "tage?|wochen?|monate?|jahre?|stunden?|morgen|abend|nacht|zweite[nrs]?|dritte[nrs]?|erste[nrs]?|letzte[nrs]?|" +
    "und|oder|am|um|bis|für|zum",
  blocks:
    "der|die|das|den|dem|eine?|letzte[nrs]?|seit|nach|vor|von|bis|und|oder|nicht|diese[nrs]?|nächste[nrs]?|am|um|für|" +
    "zum|mit|ab",
};

/** The active languages: English, and German if the browser is German. */
export const LANGUAGES = [ENGLISH, ...(LOCALE.startsWith("de") ? [GERMAN] : [])].map(compiled);

/** Return a language with its words compiled to regular expressions. */
function compiled(words) {
  const whole = (source) => new RegExp(`^(?:${source})$`, "u");
  const start = (source) => new RegExp(`^(?:${source})`, "u");
  const wholes = (names) => Object.fromEntries(names.map((name) => [name, whole(words[name])]));
  const months = words.months.split(" ");
  const weekdays = words.weekdays.split(" ");
  const month = `((?:${months.join("|")}))\\.?`;
  const day = `(\\d{1,2})(?:\\.|${words.ordinal || "\\."})?`;
  const number = "\\d{1,3}(?:st|nd|rd|th|\\.)?";
  return {
    months: months.map(whole),
    weekdays: weekdays.map(whole),
    days: words.days.map(whole),
    numbers: words.numbers.map(whole),
    units: Object.fromEntries(Object.entries(words.units).map(([name, source]) => [name, whole(source)])),
    parts: Object.entries(words.parts).map(([names, time]) => ({ names: whole(names), time })),
    adverbs: Object.fromEntries(Object.entries(words.adverbs).map(([name, source]) => [name, whole(source)])),
    pluralWeekdays: words.pluralWeekdays.split(" ").map(whole),
    every: whole(`(?:${words.every})(!?) (.+)`),
    joins: new RegExp(words.joins, "u"),
    onDay: start(words.onDay),
    ...wholes(["other", "workday"]),
    ...wholes(["tonight", "noon", "thisOne", "nextOne", "weekend", "hours", "minutes", "clock", "repeats", "blocks"]),
    beforePart: start(words.beforePart),
    lastPart: new RegExp(` (?:${words.beforePart})?(?:${Object.keys(words.parts).join("|")})$`, "u"),
    beforeDay: start(words.beforeDay),
    beforeTime: start(words.beforeTime),
    inRepeats: whole(`${words.inRepeats}|${number}|&|${[...months, ...weekdays].join("|")}`),
    dayFirst: whole(`${day} ?(?:${words.param})?${month},?(?: (\\d{4}))?`),
    monthFirst: whole(`${month} ${day},?(?: (\\d{4}))?`),
    dayOfMonth: words.ordinal ? whole(`(?:the )?(\\d{1,2})(?:${words.ordinal})`) : /^(?!)/u,
    weekdayFirst: new RegExp(`^(${weekdays.join("|")}),? (.+)$`, "u"),
  };
}
