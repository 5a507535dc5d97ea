"""Make tasks of the to-dos of a calendar file."""

import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

from icalendar import vDDDTypes, vDuration
from marshmallow import ValidationError

from taskapi.api import invalid
from taskapi.api.errors import shorten
from taskapi.api.fields import timezone_names
from taskapi.api.parsing import MAX_MEMBERS
from taskapi.database import reader
from taskapi.extensions.ics_imports.components import CalendarFile, Component, Property
from taskapi.extensions.imports.findings import Findings
from taskapi.extensions.imports.schemas import MAX_ROWS
from taskapi.extensions.imports.task_file import Row
from taskapi.security.tokens import caller
from taskapi.tasks.days import day_of
from taskapi.tasks.reminders import MAX_DAYS, MAX_REMINDERS, MINUTES, TIME_OF_DAY, Reminder, format_duration
from taskapi.tasks.schemas import NEEDS_DUE, TASK
from taskapi.users.service import timezone_of

STATUSES: Final = {
    "NEEDS-ACTION": "todo", "IN-PROCESS": "in_progress", "COMPLETED": "done", "CANCELLED": "cancelled",
}  # fmt: skip
PRIORITIES: Final = ("none", "urgent", "high", "high", "high", "medium", "low", "low", "low", "low")
REMINDER: Final = Reminder()
MAX_TITLE: Final = 200
MAX_VALUE: Final = 100  # characters of a date or a duration
MAX_RULE: Final = 500  # characters of a rule of repetition
_LISTED = re.compile(r"(?:\\.|[^\\,])+")
_ESCAPED = re.compile(r"\\(.)")
_LOCAL_END = re.compile(r"UNTIL=(\d{8}T\d{6})(?![\dZ])", re.ASCII)
_DEPENDS_ON_DAY = re.compile(r"BY(?!HOUR|MINUTE)|MONTHLY|YEARLY")
UNTITLED: Final = "Untitled"
REASONS: Final = {
    "RDATE": "Single dates of repetition are not imported.",
    "EXDATE": "Exceptions of a rule of repetition are not imported.",
    "RECURRENCE-ID": "A changed date of a to-do with a rule of repetition is a task of its own.",
    "ATTACH": "An attachment is not imported.",
}
DATE_ERRORS: Final = (ValueError, TypeError, KeyError, OverflowError, OSError)
IN_DESCRIPTION: Final = {"LOCATION": "Location", "URL": "URL", "GEO": "Place"}


def read_ics(file: IO[bytes], findings: Findings) -> Iterator[Row]:
    """Yield each to-do as a task: "tasks", its index, and its values. Describes the file in `findings`."""
    calendar = CalendarFile(file)
    findings.repairs_links = True
    findings.source = {"application": ""}
    times = Times(timezone_of(caller().id, reader()), calendar, findings)
    for index, todo in enumerate(calendar.todos()):
        if index >= MAX_ROWS:
            invalid("ics", {"tasks": [f"Longer than maximum length {MAX_ROWS}."]})
        try:
            yield "tasks", index, _task(index, todo, times, findings)
        except ValidationError as error:
            yield "tasks", index, error
    findings.source["application"] = calendar.product
    for kind, count in calendar.others.items():
        if kind not in {"VCALENDAR", "VTIMEZONE", "VTODO"}:
            findings.warn(f"Components that are not imported: {count} {shorten(kind)}.")


class Times:
    """How to read dates and times: in the zone of the user, if they have none."""

    def __init__(self, zone: ZoneInfo, calendar: CalendarFile, findings: Findings) -> None:
        self.zone, self._calendar, self.findings = zone, calendar, findings

    def read(self, found: Property) -> date | datetime:
        """Return a date, or an instant. Raises ValueError."""
        if len(found.value) > MAX_VALUE:
            raise ValueError("too long")
        name = found.parameters.get("TZID", "")[:200]
        value = found.value.strip()
        moment: Any = vDDDTypes.from_ical(value, self._zone_name(name) if name else None)  # type: ignore[no-untyped-call]
        if not isinstance(moment, date):
            raise TypeError("no date")
        if not isinstance(moment, datetime) or moment.tzinfo:
            return moment
        if not name:
            self.findings.warn_once(f"Times without a zone are in that of your account, {self.zone.key}.")
        return moment.replace(tzinfo=self.zone)

    def _zone_name(self, name: str) -> str | None:
        """Return the IANA name of a zone, by its name, its definition, or its name in Windows; None if unknown."""
        for each in (self._calendar.zones.get(name, ""), name, "/".join(name.split("/")[-2:])):
            if each in timezone_names():
                return each
        with warnings.catch_warnings(), suppress(ValueError, TypeError, KeyError, OSError):
            warnings.simplefilter("ignore")
            found = vDDDTypes.from_ical("20300101T000000", name)  # type: ignore[no-untyped-call]
            if key := getattr(found.tzinfo, "key", None):
                return str(key)
        self.findings.warn_once(f"The time zone {shorten(name)!r} is unknown. Its times are in that of your account.")
        return None


def _task(index: int, todo: Component, times: Times, findings: Findings) -> dict[str, Any]:
    first = _first(todo)
    values: dict[str, Any] = {"labels": _labels(todo), "status": _status(first), "priority": _priority(first)}
    if (uid := _text(first, "UID").strip()) and "RECURRENCE-ID" not in first:
        values["id"] = uid[:64]
    values |= _parent(todo)
    _set_texts(values, index, first, findings)
    due = _set_due(values, index, first, times, findings)
    if "RRULE" in first:
        values |= _recurrence(first, index, due, times)
    for field, name in (("created_at", "CREATED"), ("completed_at", "COMPLETED")):
        if name in first and (field == "created_at" or values["status"] == "done"):
            moment = _moment(first[name], index, times, findings)
            if moment is not None:
                values[field] = _instant(moment, times.zone).isoformat()
    for name, reason in REASONS.items():
        if name in first:
            findings.warn(reason, index)
    values["reminders"] = _reminders(index, todo, values, times, findings)
    if inside := sorted(todo.inside - {"VALARM"}):
        findings.warn(f"Not imported with the to-do: {', '.join(inside[:5])}.", index)
    return values


def _first(todo: Component) -> dict[str, Property]:
    """Return the first property of each name."""
    first: dict[str, Property] = {}
    for found in todo.properties:
        first.setdefault(found.name, found)
    return first


def _text(first: dict[str, Property], name: str) -> str:
    return _unescape(first[name].value) if name in first else ""


def _unescape(text: str) -> str:
    """Return text without its escapes (section 3.3.11)."""
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)


def _status(first: dict[str, Property]) -> str:
    """Return the status. Some applications only write when a to-do was completed, or its percentage."""
    stated = STATUSES.get(_text(first, "STATUS").strip().upper())
    percent = _text(first, "PERCENT-COMPLETE").strip()
    if stated in {"done", "cancelled"}:
        return stated
    if "COMPLETED" in first or percent == "100":
        return "done"
    return stated or ("in_progress" if percent.isdecimal() and percent.strip("0") else "todo")


def _priority(first: dict[str, Property]) -> str:
    """Return the priority: 1 is the highest, 9 the lowest, 0 none (section 3.8.1.9)."""
    text = _text(first, "PRIORITY").strip()
    number = int(text) if text in set("123456789") else 0
    return PRIORITIES[number]


def _labels(todo: Component) -> list[str]:
    """Return the categories of all lines, each once."""
    names: dict[str, None] = {}
    for found in todo.properties:
        if found.name == "CATEGORIES":
            for name in _split(found.value):
                names[name] = None
                if len(names) > MAX_MEMBERS:
                    return [*names]
    return [*names]


def _split(value: str) -> Iterator[str]:
    """Yield the texts of a list, which commas without a backslash separate."""
    for found in _LISTED.finditer(value):
        if name := _unescape(found[0]).strip():
            yield name


def _parent(todo: Component) -> dict[str, str]:
    for found in todo.properties:
        if found.name == "RELATED-TO" and found.parameters.get("RELTYPE", "PARENT").upper() == "PARENT":
            parent = _unescape(found.value).strip()
            return {"parent_id": parent[:64]} if parent else {}
    return {}


def _set_texts(values: dict[str, Any], index: int, first: dict[str, Property], findings: Findings) -> None:
    """Set the title and the description. A title that is too long or has several lines goes to the description."""
    title, parts = _text(first, "SUMMARY").strip(), [_text(first, "DESCRIPTION")]
    lines = title.splitlines() or [""]
    if not title:
        findings.warn("The to-do has no title.", index)
    if len(title) > MAX_TITLE or len(lines) > 1:
        parts.insert(0, title)
        title = lines[0] if len(lines[0]) <= MAX_TITLE else f"{lines[0][: MAX_TITLE - 1].rstrip()}…"
        findings.warn("The title was too long, or of several lines. All of it is in the description.", index)
    for name, label in IN_DESCRIPTION.items():
        if text := _text(first, name).strip():
            parts.append(f"{label}: {text}")
    values |= {"title": title or UNTITLED, "description": "\n\n".join(filter(None, parts))}


def _set_due(
    values: dict[str, Any], index: int, first: dict[str, Property], times: Times, findings: Findings
) -> date | datetime | None:
    """Set when a task is due, and return it: DUE, or DTSTART with DURATION, or DTSTART alone."""
    name = "DUE" if "DUE" in first else "DTSTART"
    moment = _moment(first[name], index, times, findings) if name in first else None
    if moment is None:
        return None
    if name == "DTSTART" and "DURATION" in first and len(first["DURATION"].value) <= MAX_VALUE:
        with suppress(ValueError, OverflowError, TypeError):
            length: timedelta = vDuration.from_ical(first["DURATION"].value.strip())  # type: ignore[no-untyped-call]
            moment = moment + length
    if isinstance(moment, datetime):
        values["due_at"] = moment.isoformat()
    else:
        values["due_date"] = moment.isoformat()
    return moment


def _recurrence(first: dict[str, Property], index: int, due: date | datetime | None, times: Times) -> dict[str, str]:
    """Return the rule of a recurring task, or warn if a task cannot have it."""
    try:
        rule = _rule(first, due, times)
    except ValidationError as error:
        text = shorten(first["RRULE"].value)
        reason = f"is not imported, the task is due once: {error.messages[0]}"
        times.findings.warn(f"The rule of repetition {text!r} {reason}", index)
        return {}
    if isinstance(due, datetime) and str(_counted_from(due, times.zone).tzinfo) != times.zone.key:
        times.findings.warn_once(f"Rules of repetition count in the time zone of your account, {times.zone.key}.")
    by_completion = _text(first, "X-RECURRENCE-FROM").strip().upper() == "COMPLETION"
    return {"recurrence": rule, "recurrence_from": "completion" if by_completion else "due"}


def _rule(first: dict[str, Property], due: date | datetime | None, times: Times) -> str:
    """Return the canonical rule of a to-do. Raises ValidationError if a task cannot have it.

    A calendar counts a rule from DTSTART, in its time zone. This service counts it from the due date, in the time zone
    of the account. If these are different days, only a rule of days or weeks stays the same.
    """
    if due is None:
        raise ValidationError(NEEDS_DUE)
    if len(first["RRULE"].value) > MAX_RULE:
        raise ValidationError(f"Must have at most {MAX_RULE} characters.")
    start_property = first.get("DTSTART") or first["DUE"]

    def end_in_utc(found: re.Match[str]) -> str:
        end = times.read(start_property._replace(value=found[1]))
        return f"UNTIL={_instant(end, times.zone).astimezone(UTC):%Y%m%dT%H%M%SZ}"

    try:
        start = times.read(start_property)
        day_there = _counted_from(start, times.zone).date() if isinstance(start, datetime) else start
        day_here = day_of(due.astimezone(UTC), times.zone) if isinstance(due, datetime) else due
        text = _LOCAL_END.sub(end_in_utc, first["RRULE"].value.strip().upper())
    except DATE_ERRORS:
        raise ValidationError("Its dates cannot be read.") from None
    rule: str = TASK.fields["recurrence"].deserialize(text)
    if day_there != day_here and _DEPENDS_ON_DAY.search(rule):
        raise ValidationError("Its dates are counted from another day than the due date.")
    return rule


def _counted_from(start: datetime, zone: ZoneInfo) -> datetime:
    """Return the start of a rule in the time zone in which its dates count.

    Of two equal local times, an export writes the second one in UTC. Its rule counts in the zone of the account.
    """
    local = start.astimezone(zone)
    return local if local.fold and str(start.tzinfo) == "UTC" else start


def _reminders(index: int, todo: Component, values: dict[str, Any], times: Times, findings: Findings) -> list[str]:
    """Return the reminders of the alarms, each once. Warns about alarms that a task cannot have."""
    first = _first(todo)
    reminders: dict[str, None] = {}
    for found in todo.properties:
        if found.name != "TRIGGER":
            continue
        try:
            reminders[REMINDER.deserialize(_reminder(found, values, first, times))] = None
        except (*DATE_ERRORS, ValidationError):
            findings.warn(f"An alarm is not imported: {shorten(found.value)!r}.", index)
    if len(reminders) > MAX_REMINDERS:
        findings.warn(f"Of {len(reminders)} alarms, {MAX_REMINDERS} are imported.", index)
    return [*reminders][:MAX_REMINDERS]


def _reminder(trigger: Property, values: dict[str, Any], first: dict[str, Property], times: Times) -> str:
    """Return an alarm as a reminder: before the due date if possible, or else an instant. Raises ValueError, KeyError.

    The alarm of a day is counted from its start. One that is counted from a start before the due date is an instant.
    """
    if trigger.parameters.get("VALUE", "").upper() == "DATE-TIME":
        moment = times.read(trigger)
        return _instant(moment, times.zone).isoformat()
    if len(trigger.value) > MAX_VALUE:
        raise ValueError("too long")
    length: timedelta = vDuration.from_ical(trigger.value.strip())  # type: ignore[no-untyped-call]
    has_start = {"DTSTART", "DUE"} <= first.keys() and first["DTSTART"].value != first["DUE"].value
    if has_start and trigger.parameters.get("RELATED", "START").upper() == "START":
        return (_instant(times.read(first["DTSTART"]), times.zone) + length).isoformat()
    due = values["due_date"] if "due_date" in values else values["due_at"]
    before = -(length // timedelta(minutes=1)) + (TIME_OF_DAY.hour * 60 if "due_date" in values else 0)
    if 0 <= before <= MAX_DAYS * MINUTES["D"]:
        return format_duration(before)
    moment = date.fromisoformat(due) if "due_date" in values else datetime.fromisoformat(due)
    return (_instant(moment, times.zone) + length).isoformat()


def _moment(found: Property, index: int, times: Times, findings: Findings) -> date | datetime | None:
    try:
        return times.read(found)
    except DATE_ERRORS:
        findings.warn(f"{found.name} {shorten(found.value)!r} is not a date, and is not imported.", index)
        return None


def _instant(moment: date | datetime, zone: ZoneInfo) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time(), zone)
