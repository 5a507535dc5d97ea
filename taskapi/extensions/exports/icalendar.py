"""Tasks as iCalendar to-dos (RFC 5545, section 3.6.2)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from taskapi.tasks.models import Priority, Status

OCTETS = 75  # of a line without its line break (section 3.1)
STATUSES = {
    Status.TODO: "NEEDS-ACTION",
    Status.IN_PROGRESS: "IN-PROCESS",
    Status.DONE: "COMPLETED",
    Status.CANCELLED: "CANCELLED",
}
PRIORITIES = {Priority.NONE: 0, Priority.LOW: 9, Priority.MEDIUM: 5, Priority.HIGH: 3, Priority.URGENT: 1}
ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


def write_ics(chunks: Iterable[Sequence[Row[Any]]]) -> Iterator[bytes]:
    """Yield a calendar with a to-do for each task."""
    yield b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Task API//Tasks//EN\r\n"
    for rows in chunks:
        yield b"".join(_fold(line) for row in rows for line in _lines(row))
    yield b"END:VCALENDAR\r\n"


def _lines(task: Row[Any]) -> Iterator[str]:
    yield "BEGIN:VTODO"
    yield from _properties(task)
    if task.description:
        yield f"DESCRIPTION:{_text(task.description)}"
    if task.labels:
        yield f"CATEGORIES:{','.join(map(_text, task.labels))}"
    if task.parent_id:
        yield f"RELATED-TO:{task.parent_id}"
    yield from _due(task)
    if task.completed_at:
        yield f"COMPLETED:{_instant(task.completed_at)}"
        yield "PERCENT-COMPLETE:100"
    yield "END:VTODO"


def _properties(task: Row[Any]) -> Iterator[str]:
    """Yield the properties that every task has."""
    yield f"UID:{task.id}"
    yield f"DTSTAMP:{_instant(task.updated_at)}"
    yield f"CREATED:{_instant(task.created_at)}"
    yield f"LAST-MODIFIED:{_instant(task.updated_at)}"
    yield f"SUMMARY:{_text(task.title)}"
    yield f"STATUS:{STATUSES[Status(task.status)]}"
    yield f"PRIORITY:{PRIORITIES[Priority(task.priority)]}"


def _due(task: Row[Any]) -> Iterator[str]:
    if task.due_date:
        yield f"DUE;VALUE=DATE:{task.due_date:%Y%m%d}"
    if task.due_at:
        yield f"DUE:{_instant(task.due_at)}"


def _instant(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    """Return text escaped (section 3.3.11)."""
    return text.translate(ESCAPES)


def _fold(line: str) -> bytes:
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
