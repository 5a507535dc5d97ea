"""Tasks with a due date as iCalendar events (RFC 5545, section 3.6.1), for applications without tasks."""

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from sqlalchemy import Row

from taskapi.extensions.exports.icalendar import UNTIL, alarms, escape, format_instant, local_due, recurs, rule_of
from taskapi.tasks.models import RecurrenceStart, Status

_END = re.compile(r";(COUNT|UNTIL)=\w+")


def event_of(task: Row[Any], zone: ZoneInfo) -> Iterator[str]:
    """Yield the lines of an event: of the whole day, or of an instant without duration.

    It repeats if the next dates of the task are known: see `_repeats`.
    """
    repeats = _repeats(task, zone)
    done = task.status == Status.DONE
    yield "BEGIN:VEVENT"
    yield f"UID:{task.id}"
    yield f"DTSTAMP:{format_instant(task.updated_at)}"
    yield f"CREATED:{format_instant(task.created_at)}"
    yield f"LAST-MODIFIED:{format_instant(task.updated_at)}"
    yield f"SUMMARY:{'✓ ' if done else ''}{escape(task.title)}"
    yield f"STATUS:{'CANCELLED' if task.status == Status.CANCELLED else 'CONFIRMED'}"
    yield "TRANSP:TRANSPARENT"  # a task takes no time
    if task.description:
        yield f"DESCRIPTION:{escape(task.description)}"
    if task.labels:
        yield f"CATEGORIES:{','.join(map(escape, task.labels))}"
    if task.due_date or repeats:
        yield f"DTSTART{local_due(task, zone)}"
    else:
        yield f"DTSTART:{format_instant(task.due_at)}"
    if task.due_date and task.due_date.year < 9999:  # without an end, it is the same day
        yield f"DTEND;VALUE=DATE:{task.due_date + timedelta(days=1):%Y%m%d}"
    if repeats:
        yield rule_of(task, zone)
    yield from alarms(task)
    yield "END:VEVENT"


def _repeats(task: Row[Any], zone: ZoneInfo) -> bool:
    """Tell whether an event repeats by the rule of its task.

    It does not if the rule counts from completion, because nobody knows that day yet. It also does not if the due date
    was changed to one that the rule does not have, or to one after its end: calendars differ in what they show then
    (section 3.8.5.3).
    """
    if not recurs(task) or task.recurrence_from == RecurrenceStart.COMPLETION:
        return False
    rule = rule_of(task, zone)
    due = format_instant(task.due_at) if task.due_at else f"{task.due_date:%Y%m%d}"
    if (until := UNTIL.search(rule)) and due > until[1]:
        return False
    local = task.due_at.astimezone(zone) if task.due_at else None
    if local and local.fold:  # a rule only has the first of two equal times
        return False
    start = local.replace(microsecond=0, tzinfo=None) if local else datetime.combine(task.due_date, time())
    return next(iter(rrulestr(_END.sub("", rule), dtstart=start)), None) == start
