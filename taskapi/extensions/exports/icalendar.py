"""Tasks as iCalendar to-dos (RFC 5545, section 3.6.2)."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import MAXYEAR, date, datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from taskapi.tasks.days import day_of, end_of_day
from taskapi.tasks.models import Priority, RecurrenceStart, Status
from taskapi.tasks.reminders import TIME_OF_DAY, format_duration, is_duration, minutes_of

DAY_LENGTH: Final = 8
ZONE_FIRST, ZONE_LAST = date(1970, 1, 1), date(2100, 1, 1)
UNTIL = re.compile(r"UNTIL=(\w+)")
CLOCK = re.compile(r";BY(?:HOUR|MINUTE)=\w+")
OCTETS = 75  # of a line without its line break (section 3.1)
STATUSES = {
    Status.TODO: "NEEDS-ACTION",
    Status.IN_PROGRESS: "IN-PROCESS",
    Status.DONE: "COMPLETED",
    Status.CANCELLED: "CANCELLED",
}
PRIORITIES = {Priority.NONE: 0, Priority.LOW: 9, Priority.MEDIUM: 5, Priority.HIGH: 3, Priority.URGENT: 1}
OPEN = {Status.TODO, Status.IN_PROGRESS}
ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


def write_ics(
    chunks: Iterable[Sequence[Row[Any]]],
    zone: ZoneInfo,
    lines_of: Callable[[Row[Any], ZoneInfo], Iterator[str]],
    properties: Iterable[str] = (),
) -> Iterator[bytes]:
    """Yield a calendar with `lines_of` each task. `zone` is the owner's time zone, that of recurring tasks.

    `properties` are further lines of the calendar.
    """
    yield b"".join(map(fold, ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Task API//Tasks//EN", *properties)))
    has_zone = False
    for rows in chunks:
        if not has_zone and any(recurs(row) and row.due_at for row in rows):
            has_zone = True
            yield _time_zone(zone)
        yield b"".join(fold(line) for row in rows for line in lines_of(row, zone))
    yield b"END:VCALENDAR\r\n"


def todo_of(task: Row[Any], zone: ZoneInfo) -> Iterator[str]:
    """Yield the lines of a to-do."""
    yield "BEGIN:VTODO"
    yield from _properties(task)
    if task.description:
        yield f"DESCRIPTION:{escape(task.description)}"
    if task.labels:
        yield f"CATEGORIES:{','.join(map(escape, task.labels))}"
    if task.parent_id:
        yield f"RELATED-TO:{task.parent_id}"
    yield from _recurrence(task, zone) if recurs(task) else _due(task)
    if task.completed_at:
        yield f"COMPLETED:{format_instant(task.completed_at)}"
        yield "PERCENT-COMPLETE:100"
    yield from alarms(task, ";RELATED=END")
    yield "END:VTODO"


def _properties(task: Row[Any]) -> Iterator[str]:
    """Yield the properties that every task has."""
    yield f"UID:{task.id}"
    yield f"DTSTAMP:{format_instant(task.updated_at)}"
    yield f"CREATED:{format_instant(task.created_at)}"
    yield f"LAST-MODIFIED:{format_instant(task.updated_at)}"
    yield f"SUMMARY:{escape(task.title)}"
    yield f"STATUS:{STATUSES[Status(task.status)]}"
    yield f"PRIORITY:{PRIORITIES[Priority(task.priority)]}"


def _due(task: Row[Any]) -> Iterator[str]:
    if task.due_date:
        yield f"DUE;VALUE=DATE:{task.due_date:%Y%m%d}"
    if task.due_at:
        yield f"DUE:{format_instant(task.due_at)}"


def recurs(task: Row[Any]) -> bool:
    """Tell whether a task has a rule and is open. The series of a completed task continues with the next one.

    A series ends in the year 9999, whose last instants are not in that year everywhere.
    """
    is_last = bool(task.due_at) and task.due_at.year == MAXYEAR
    return bool(task.recurrence) and task.status in OPEN and not is_last


def alarms(task: Row[Any], related: str = "") -> Iterator[str]:
    """Yield an alarm (section 3.6.6) for each reminder of an open task. `related` is a parameter of durations.

    Without a time of day, an alarm is counted from the start of the day.
    """
    for reminder in task.reminders if task.status in OPEN else ():
        if not is_duration(reminder):
            trigger = f";VALUE=DATE-TIME:{format_instant(datetime.fromisoformat(reminder))}"
        elif task.due_at or task.due_date:
            after = (0 if task.due_at else TIME_OF_DAY.hour * 60) - minutes_of(reminder)
            trigger = f"{related}:{'-' if after < 0 else ''}{format_duration(abs(after))}"
        else:
            continue
        yield "BEGIN:VALARM"
        yield "ACTION:DISPLAY"
        yield f"DESCRIPTION:{escape(task.title)}"
        yield f"TRIGGER{trigger}"
        yield "END:VALARM"


def _recurrence(task: Row[Any], zone: ZoneInfo) -> Iterator[str]:
    """Yield the due date, as the start too (section 3.8.5.3), and the rule."""
    yield f"DTSTART{local_due(task, zone)}"
    yield f"DUE{local_due(task, zone)}"
    yield rule_of(task, zone)
    if task.recurrence_from == RecurrenceStart.COMPLETION:
        yield "X-RECURRENCE-FROM:COMPLETION"


def local_due(task: Row[Any], zone: ZoneInfo) -> str:
    """Return the parameters and the value of a due date. In local time, the time of day of a series stays the same.

    A local time that occurs twice is the first one (section 3.3.5), so the second one is in UTC.
    """
    if task.due_at:
        local = task.due_at.astimezone(zone)
        return f":{format_instant(task.due_at)}" if local.fold else f";TZID={zone.key}:{local:%Y%m%dT%H%M%S}"
    return f";VALUE=DATE:{task.due_date:%Y%m%d}"


def rule_of(task: Row[Any], zone: ZoneInfo) -> str:
    """Return the line of the rule of a recurring task. With a day, it has no time of day (section 3.3.10)."""
    rule = task.recurrence if task.due_at else CLOCK.sub("", task.recurrence)
    return f"RRULE:{UNTIL.sub(lambda match: _until(match[1], zone, timed=bool(task.due_at)), rule)}"


def _until(text: str, zone: ZoneInfo, *, timed: bool) -> str:
    """Return UNTIL in the form of the due date: an instant for an instant, a day for a day."""
    end = datetime.fromisoformat(text)
    is_day = len(text) == DAY_LENGTH
    if timed:
        return f"UNTIL={format_instant(end_of_day(end.date(), zone) if is_day else end)}"
    return f"UNTIL={end.date() if is_day or end.year == MAXYEAR else day_of(end, zone):%Y%m%d}"


@lru_cache(maxsize=32)  # takes 5 to 15 ms; the result has at most 5 KB
def _time_zone(zone: ZoneInfo) -> bytes:
    from icalendar import Timezone  # noqa: PLC0415 - takes 0.3 s

    return bytes(Timezone.from_tzid(zone.key, first_date=ZONE_FIRST, last_date=ZONE_LAST).to_ical())


def format_instant(moment: datetime) -> str:
    """Return an instant in UTC (section 3.3.5)."""
    return f"{moment:%Y%m%dT%H%M%SZ}"


def escape(text: str) -> str:
    """Return text escaped (section 3.3.11)."""
    return text.translate(ESCAPES)


def fold(line: str) -> bytes:
    """Return a line folded into lines of at most OCTETS bytes (section 3.1), without splitting a character."""
    octets = line.encode()
    lines = []
    start, end = 0, OCTETS
    while end < len(octets):
        while octets[end] & 0xC0 == 0x80:
            end -= 1
        lines.append(octets[start:end])
        start, end = end, end + OCTETS - 1
    return b"\r\n ".join([*lines, octets[start:]]) + b"\r\n"
