"""Dates and times as spreadsheets and other applications write them.

A date is never guessed. `2030-01-31` and `31.01.2030` have one meaning. `1/2/2030` needs the order of day and month,
unless one of its numbers is above 12. A year has four digits. A time without an offset is in the zone of the user.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = "|".join(
    (
        r"(?P<y1>\d{4})[-/.](?P<m1>\d{1,2})[-/.](?P<d1>\d{1,2})",
        r"(?P<d2>\d{1,2})\. ?(?P<m2>\d{1,2})\. ?(?P<y2>\d{4}|\d\d)",
        r"(?P<a>\d{1,2})(?P<sep>[/-])(?P<b>\d{1,2})(?P=sep)(?P<y3>\d{4}|\d\d)",
        rf"(?:(?P<d4>\d{{1,2}}) {_MONTH}|{_MONTH.replace('name', 'name2')} (?P<d5>\d{{1,2}}),?) (?P<y4>\d{{4}})",
    )
)
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,6})\d{0,3})?)?"
_HALF = r"(?: ?(?P<half>[ap])\.?m\.?)?"
_OFFSET = r"(?: ?(?P<offset>z|[+-]\d\d:?\d\d))?"
_TEXT = re.compile(rf"(?:{_DATE})(?:(?:t|,? ){_TIME}{_HALF}{_OFFSET})?", re.IGNORECASE | re.ASCII)
MAX_CHARACTERS: Final = 64
AMBIGUOUS: Final = "May be a day of two months: send date_order=dmy (day first) or date_order=mdy (month first)."


def parse_moment(text: str, order: str | None) -> date | datetime | None:
    """Return a date, an instant, or a time without an offset (naive). Returns None if the text is none of them.

    Raises ValidationError if the text looks like a date but has no meaning, or two of them.
    """
    found = _TEXT.fullmatch(text.strip()) if len(text) <= MAX_CHARACTERS else None
    if not found:
        return None
    try:
        day = _day(found.groupdict(), order)
        return datetime.combine(day, _time(found.groupdict())) if found["hour"] else day
    except ValueError:
        raise ValidationError("Must be an existing day and time.") from None


def _day(parts: dict[str, str | None], order: str | None) -> date:
    year = parts["y1"] or parts["y2"] or parts["y3"] or parts["y4"] or ""
    if len(year) != 4:
        raise ValidationError("Must have a year of four digits.")
    if parts["a"] and parts["b"]:
        day, month = _ordered(int(parts["a"]), int(parts["b"]), order)
    elif name := parts["name"] or parts["name2"]:
        day, month = int(parts["d4"] or parts["d5"] or 0), MONTHS.index(name.lower()) + 1
    else:
        day, month = int(parts["d1"] or parts["d2"] or 0), int(parts["m1"] or parts["m2"] or 0)
    return date(int(year), month, day)


def _ordered(first: int, second: int, order: str | None) -> tuple[int, int]:
    """Return day and month."""
    if order:
        return (first, second) if order == "dmy" else (second, first)
    if first != second and max(first, second) <= 12:
        raise ValidationError(AMBIGUOUS)
    return (second, first) if second > 12 else (first, second)


def _time(parts: dict[str, str | None]) -> time:
    hour = int(parts["hour"] or 0)
    if half := parts["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("the hour of a 12-hour clock")
        hour = hour % 12 + 12 * (half.lower() == "p")
    fraction = int((parts["fraction"] or "").ljust(6, "0"))
    return time(hour, int(parts["minute"] or 0), int(parts["second"] or 0), fraction, _offset(parts["offset"]))


def _offset(text: str | None) -> timezone | None:
    if not text:
        return None
    if text in "zZ":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if minutes > 59:
        raise ValueError("the minutes of an offset")
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def to_instant(moment: date | datetime, zone: ZoneInfo) -> datetime:
    """Return an instant. A date counts as its first moment, and a time without an offset is in `zone`."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
