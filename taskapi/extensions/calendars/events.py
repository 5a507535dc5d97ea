"""Tasks with a due date as iCalendar events (RFC 5545, section 3.6.1), for applications without tasks."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from taskapi.extensions.exports.icalendar import begin_calendar, escape, fold, format_instant
from taskapi.tasks.models import Status

END = b"END:VCALENDAR\r\n"


def write_events(chunks: Iterable[Sequence[Row[Any]]], properties: Iterable[str]) -> Iterator[bytes]:
    """Yield a calendar with an event for each task: of the whole day, or of an instant without duration."""
    yield begin_calendar(properties)
    for rows in chunks:
        yield b"".join(fold(line) for row in rows for line in _lines(row))
    yield END


def _lines(task: Row[Any]) -> Iterator[str]:
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
    if task.due_date:
        yield f"DTSTART;VALUE=DATE:{task.due_date:%Y%m%d}"
        if task.due_date.year < 9999:  # without an end, it is the same day
            yield f"DTEND;VALUE=DATE:{task.due_date + timedelta(days=1):%Y%m%d}"
    else:
        yield f"DTSTART:{format_instant(task.due_at)}"
    yield "END:VEVENT"
