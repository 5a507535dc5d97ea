"""Rules of RFC 5545 (section 3.3.10): the subset that this service accepts.

Every accepted rule has a next date after any due date, within 100 years. So no search for a date takes long, and a
series ends only by its COUNT or UNTIL, or in the year 9999.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final, NoReturn

from marshmallow import ValidationError

WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MAX_INTERVALS: Final = {"DAILY": 1000, "WEEKLY": 200, "MONTHLY": 100, "YEARLY": 10}
MAX_COUNT: Final = 1000
MAX_LENGTH: Final = 170  # leaves room for a time of day
PARTS: Final = {  # besides FREQ, INTERVAL, COUNT, UNTIL, WKST, BYHOUR and BYMINUTE
    "DAILY": {"BYDAY"},
    "WEEKLY": {"BYDAY"},
    "MONTHLY": {"BYDAY", "BYMONTHDAY", "BYSETPOS"},
    "YEARLY": {"BYDAY", "BYMONTHDAY", "BYSETPOS", "BYMONTH"},
}
COMMON_PARTS: Final = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYHOUR", "BYMINUTE"}
LONGEST: Final = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}  # the days of the longest month of that number; otherwise 31
_PART = re.compile(r"([A-Z]+)=([A-Z0-9,+-]+)")
_NUMBER = re.compile(r"[+-]?\d{1,4}", re.ASCII)
_WEEKDAY = re.compile(r"([+-]?\d)?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_DAY = re.compile(r"\d{8}", re.ASCII)
_INSTANT = re.compile(r"\d{8}T\d{6}Z", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule. A weekday is a pair of its number, 0 in the rules that have none, and its index in WEEKDAYS."""

    frequency: str
    interval: int = 1
    months: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    weekdays: tuple[tuple[int, int], ...] = ()
    position: int | None = None
    hour: int | None = None
    minute: int | None = None
    week_start: int = 0
    count: int | None = None
    until: date | datetime | None = None

    @property
    def has_days(self) -> bool:
        """Whether the rule names its days. Otherwise it has the day of the due date."""
        return bool(self.month_days or self.weekdays)

    def __str__(self) -> str:
        parts = {
            "FREQ": self.frequency,
            "INTERVAL": self.interval if self.interval > 1 else None,
            "BYMONTH": _joined(self.months),
            "BYMONTHDAY": _joined(self.month_days),
            "BYDAY": _joined(f"{number or ''}{WEEKDAYS[day]}" for number, day in self.weekdays),
            "BYSETPOS": self.position,
            "BYHOUR": self.hour,
            "BYMINUTE": self.minute,
            "WKST": WEEKDAYS[self.week_start] if self.week_start else None,
            "COUNT": self.count,
            "UNTIL": self.until
            and f"{self.until:{'%Y%m%dT%H%M%SZ' if isinstance(self.until, datetime) else '%Y%m%d'}}",
        }
        return ";".join(f"{name}={value}" for name, value in parts.items() if value not in {None, ""})

    def at_time(self, hour: int | None, minute: int | None) -> "Rule":
        """Return the rule with a time of day, or without one."""
        return replace(self, hour=hour, minute=minute)

    def after(self, steps: int) -> "Rule":
        """Return the rule that is left after a number of dates."""
        return replace(self, count=self.count - steps) if self.count is not None else self


def canonical_rule(text: str) -> str:
    """Return a rule in its canonical form. Raises ValidationError if this service does not accept it."""
    rule = parse_rule(text)
    if len(str(rule.at_time(None, None))) > MAX_LENGTH:
        _refuse(f"Must have at most {MAX_LENGTH} characters, besides BYHOUR and BYMINUTE.")
    return str(rule)


@lru_cache(maxsize=1024)
def parse_rule(text: str) -> Rule:
    """Return a parsed rule. Raises ValidationError if this service does not accept it."""
    parts: dict[str, str] = {}
    for part in text.upper().removeprefix("RRULE:").rstrip(";").split(";"):
        match = _PART.fullmatch(part) or _refuse("Must be a rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=MO.")
        if match[1] in parts:
            _refuse(f"{match[1]} is given more than once.")
        parts[match[1]] = match[2]
    frequency = parts.get("FREQ")
    if frequency not in PARTS:
        _refuse(f"FREQ must be one of: {', '.join(PARTS)}.")
    for name in parts:
        if name not in PARTS[frequency] | COMMON_PARTS:
            _refuse(f"{name} is not supported with FREQ={frequency}.")
    rule = Rule(
        frequency=frequency,
        interval=_number(parts, "INTERVAL", 1, MAX_INTERVALS[frequency]) or 1,
        months=_numbers(parts, "BYMONTH", 1, 12),
        month_days=_numbers(parts, "BYMONTHDAY", -31, 31),
        weekdays=_weekdays(parts),
        position=_number(parts, "BYSETPOS", -5, 5),
        hour=_number(parts, "BYHOUR", 0, 23),
        minute=_number(parts, "BYMINUTE", 0, 59),
        week_start=_week_start(parts) if frequency == "WEEKLY" else 0,
        count=_number(parts, "COUNT", 1, MAX_COUNT),
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
    )
    _refuse_combination(rule)
    return rule


def _refuse_combination(rule: Rule) -> None:
    """Raise ValidationError if the parts of a rule contradict each other, or if it may never have a date."""
    numbered = any(number for number, _ in rule.weekdays)
    if rule.count and rule.until:
        _refuse("COUNT and UNTIL exclude each other.")
    if (rule.hour is None) != (rule.minute is None):
        _refuse("BYHOUR and BYMINUTE must be given together.")
    if rule.month_days and rule.weekdays:
        _refuse("BYMONTHDAY and BYDAY exclude each other.")
    if numbered and rule.frequency in {"DAILY", "WEEKLY"}:
        _refuse(f"With FREQ={rule.frequency}, BYDAY must have no numbers.")
    if rule.position and (numbered or not rule.weekdays):
        _refuse("BYSETPOS needs BYDAY without numbers.")
    if rule.frequency == "DAILY" and rule.weekdays and rule.interval > 1:
        _refuse("With FREQ=DAILY and BYDAY, INTERVAL must be 1.")
    if rule.frequency == "YEARLY" and bool(rule.months) != rule.has_days:
        _refuse("With FREQ=YEARLY, BYMONTH needs BYMONTHDAY or BYDAY, and these need BYMONTH.")
    _refuse_without_dates(rule)


def _refuse_without_dates(rule: Rule) -> None:
    """Raise ValidationError if a rule has no date, or if some of its months or years have none.

    With INTERVAL, these could be the only ones it meets: the 30th of every twelfth month, from February.
    """
    months = rule.months or range(1, 13)
    if rule.month_days and not any(abs(day) <= LONGEST.get(month, 31) for day in rule.month_days for month in months):
        _refuse("There is no such date.")
    if rule.frequency == "MONTHLY" and rule.interval % 12 == 0 and not _is_in_every_month(rule, (2,)):
        _refuse("Use FREQ=YEARLY with BYMONTH: with this INTERVAL, there may be no such date.")
    if rule.frequency == "YEARLY" and rule.interval > 1 and not _is_in_every_month(rule, months):
        _refuse("With days that not every year has, INTERVAL must be 1.")


def _is_in_every_month(rule: Rule, months: Any) -> bool:
    """Tell whether at least one of these months has a date of the rule in each year."""
    if rule.weekdays:
        return abs(rule.position or 0) < 5 and any(abs(number) < 5 for number, _ in rule.weekdays)
    shortest = (28 if month == 2 else LONGEST.get(month, 31) for month in months)
    return not rule.month_days or min(map(abs, rule.month_days)) <= max(shortest)


def _weekdays(parts: dict[str, str]) -> tuple[tuple[int, int], ...]:
    found = set()
    for text in parts["BYDAY"].split(",") if "BYDAY" in parts else ():
        match = _WEEKDAY.fullmatch(text) or _refuse("BYDAY must be weekdays, such as MO,TH or 2MO or -1FR.")
        number = int(match[1] or 0)
        if match[1] and not 1 <= abs(number) <= 5:
            _refuse("A number in BYDAY must be 1 to 5 or -5 to -1.")
        found.add((number, WEEKDAYS.index(match[2])))
    return tuple(sorted(found))


def _week_start(parts: dict[str, str]) -> int:
    name = parts.get("WKST", "MO")
    return WEEKDAYS.index(name) if name in WEEKDAYS else _refuse("WKST must be a weekday.")


def _number(parts: dict[str, str], name: str, low: int, high: int) -> int | None:
    numbers = _numbers(parts, name, low, high)
    if len(numbers) > 1:
        _refuse(f"{name} must have one value.")
    return numbers[0] if numbers else None


def _numbers(parts: dict[str, str], name: str, low: int, high: int) -> tuple[int, ...]:
    found = set()
    for text in parts[name].split(",") if name in parts else ():
        number = int(text) if _NUMBER.fullmatch(text) else _refuse(f"{name} must be a number.")
        if not low <= number <= high or (low < 0 and number == 0):
            _refuse(f"{name} must be {f'1 to {high} or {low} to -1' if low < 0 else f'{low} to {high}'}.")
        found.add(number)
    return tuple(sorted(found))


def _until(text: str) -> date | datetime:
    try:
        if _DAY.fullmatch(text):
            until: date | datetime = datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
        elif _INSTANT.fullmatch(text):
            until = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        else:
            raise ValueError
    except ValueError:
        _refuse("UNTIL must be a day or an instant in UTC, such as 20301231 or 20301231T220000Z.")
    return until if until.year >= 1970 else _refuse("UNTIL must be between 1970 and 9999.")


def _joined(values: Any) -> str:
    return ",".join(map(str, values))


def _refuse(why: str) -> NoReturn:
    raise ValidationError(why)
