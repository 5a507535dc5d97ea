"""Reminders of a task: instants, and durations before its due date, as text in the forms of ISO 8601."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields

from taskapi.api.fields import INSTANT_PATTERN, Instant, Items, Text

MAX_REMINDERS: Final = 10  # of a task
MAX_DAYS: Final = 365
TIME_OF_DAY: Final = time(9)  # from which the reminders of a task that is due on a day are counted
MINUTES: Final = {"W": 7 * 24 * 60, "D": 24 * 60, "H": 60, "M": 1, "S": 0}
_CLOCK = r"T([0-9]{1,3}H([0-9]{1,4}M)?|[0-9]{1,4}M|0S)"
_DURATION = rf"P([0-9]{{1,2}}W|[0-9]{{1,3}}D({_CLOCK})?|{_CLOCK})"


class Reminder(Text):
    """An instant, or a duration before the due date. Loads a canonical form: in UTC, or with days, hours, minutes."""

    def __init__(self) -> None:
        pattern = f"^({_DURATION}|{INSTANT_PATTERN[1:-1]})$"
        super().__init__(1, 40, metadata={"pattern": pattern, "example": "PT30M"})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if is_duration(text):
            return format_duration(minutes_of(text))
        try:
            instant = Instant().deserialize(text)
        except ValidationError:
            raise ValidationError(
                f"Must be a duration before the due date, such as PT30M or P1D, of at most {MAX_DAYS} days, or an "
                "instant, such as 2030-01-31T09:00:00Z."
            ) from None
        return f"{instant.isoformat().removesuffix('+00:00')}Z"


class Reminders(fields.List[str]):
    """The reminders of a task. Those that are given twice are one."""

    def __init__(self, **metadata: Any) -> None:
        super().__init__(Reminder(), allow_none=True, validate=Items(0, MAX_REMINDERS), metadata=metadata)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        return [*dict.fromkeys(super()._deserialize(value, attr, data, **kwargs))]


def is_duration(reminder: str) -> bool:
    """Tell whether a reminder is a duration, of at most MAX_DAYS. Otherwise it is an instant."""
    is_written = re.fullmatch(_DURATION, reminder) is not None
    return is_written and minutes_of(reminder) <= MAX_DAYS * MINUTES["D"]


def minutes_of(duration: str) -> int:
    """Return the length of a duration in minutes."""
    return sum(int(number) * MINUTES[unit] for number, unit in re.findall(r"(\d+)([A-Z])", duration))


def format_duration(minutes: int) -> str:
    """Return a duration in its canonical form, such as `P1DT2H30M`."""
    days, rest = divmod(minutes, MINUTES["D"])
    parts = {"H": rest // 60, "M": rest % 60}
    clock = "".join(f"{number}{unit}" for unit, number in parts.items() if number)
    if not days and not clock:
        return "PT0S"
    return "P" + (f"{days}D" if days else "") + (f"T{clock}" if clock else "")


def reminder_instants(
    reminders: Sequence[str], due_date: date | None, due_at: datetime | None, zone: ZoneInfo
) -> Iterator[datetime]:
    """Yield the instants of reminders. Durations have none without a due date.

    Whole days of a duration are calendar days: one day before 9:00 is 9:00, also if clocks change. The rest is exact.
    """
    due = due_at or (datetime.combine(due_date, TIME_OF_DAY, zone) if due_date else None)
    for reminder in reminders:
        if not is_duration(reminder):
            yield datetime.fromisoformat(reminder)
        elif due:
            days, minutes = divmod(minutes_of(reminder), MINUTES["D"])
            yield (_days_before(due, days, zone) if days else due.astimezone(UTC)) - timedelta(minutes=minutes)


def _days_before(instant: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the same local time on an earlier day. In the last hours of year 9999, each day has 24 hours."""
    try:
        local = instant.astimezone(zone)
    except OverflowError:  # east of Greenwich it is year 10000
        return instant - timedelta(days=days)
    return (local - timedelta(days=days)).astimezone(UTC)
