/** The reminders field of the open task: durations before the due date, and instants. */

import { dayOf, instantOf, timeOf } from "../text/dates.js";
import { describeReminder, MAX_REMINDERS, offeredReminders } from "../text/reminders.js";
import { h, setChildrenIfChanged } from "./dom.js";
import { askForNotifications } from "./reminders.js";

const AT = "at";

/** Return the field, in the form that `taskFields()` describes. */
export function remindersField() {
  const chips = h("span", { class: "chips" });
  const choice = h("select", { name: "reminder", id: "detail-reminders" });
  const moment = h("input", { type: "datetime-local", name: "reminder_at", "aria-label": "Time of the reminder" });
  const element = h("div", { class: "labels-field", data: { labelled: choice.id } }, chips, choice, moment);
  let task = { due_date: null, due_at: null };
  let reminders = [];
  let suggested = "";
  moment.hidden = true;

  choice.addEventListener("change", (event) => {
    event.stopPropagation(); // the field changes with its list
    const { value } = choice;
    choice.value = "";
    if (value !== AT) {
      setReminders([...reminders, value]);
      return;
    }
    const now = new Date();
    moment.hidden = false;
    moment.value = suggested = `${dayOf(now)}T${timeOf(now)}`;
    moment.focus();
  });
  for (const type of ["change", "input"]) moment.addEventListener(type, (event) => event.stopPropagation());
  moment.addEventListener("focusout", addMoment);
  moment.addEventListener("keydown", (event) => {
    if (event.key === "Escape") moment.value = "";
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    choice.focus();
  });

  function addMoment() {
    const [day, time] = moment.value === suggested ? [] : moment.value.split("T");
    moment.value = "";
    moment.hidden = true;
    if (day && time) setReminders([...reminders, instantOf(day, time.slice(0, 5))]);
  }

  function setReminders(wanted) {
    if (wanted.length > reminders.length) askForNotifications();
    reminders = [...new Set(wanted)];
    draw();
    element.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function chip(reminder) {
    const words = describeReminder(reminder, task);
    const remove = () => {
      setReminders(reminders.filter((each) => each !== reminder));
      choice.focus();
    };
    const attributes = { type: "button", class: "quiet", "aria-label": `Remove reminder: ${words}` };
    return h("span", { class: "chip" }, words, h("button", { ...attributes, on: { click: remove } }, "×"));
  }

  function draw() {
    const offered = offeredReminders(task).filter((each) => !reminders.includes(each));
    const named = offered.map((each) => [each, describeReminder(each, task)]);
    const options = [["", "Add a reminder"], ...named, [AT, "At a time …"]];
    setChildrenIfChanged(chips, [reminders, task.due_date], () => reminders.map(chip));
    setChildrenIfChanged(choice, options, () => options.map(([value, words]) => h("option", { value }, words)));
    choice.value = "";
    choice.hidden = reminders.length >= MAX_REMINDERS;
  }

  const read = () => ({ reminders });
  const write = (shown) => {
    task = shown;
    ({ reminders } = shown);
    draw();
  };
  return { label: "Reminders", element, read, write };
}
