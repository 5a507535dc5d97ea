"""The next due date of a recurring task.

Dates are those of the owner's time zone, and so is the time of day: 09:00 stays 09:00 when clocks change. A time that
clocks skip moves by as much as the clocks; the rule then has the time (BYHOUR, BYMINUTE) until a due date has it again.
"""

from collections.abc import Iterator
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from dateutil import rrule
from dateutil.relativedelta import relativedelta

from taskapi.extensions.recurrence.rules import Rule, parse_rule
from taskapi.tasks.days import ONE_DAY, day_of
from taskapi.tasks.models import RecurrenceStart, Task

FREQUENCIES: Final[dict[str, Literal[0, 1, 2, 3]]] = {
    "DAILY": rrule.DAILY,
    "WEEKLY": rrule.WEEKLY,
    "MONTHLY": rrule.MONTHLY,
    "YEARLY": rrule.YEARLY,
}
MAX_YEARS: Final = 100  # between two dates of a rule


class Due(NamedTuple):
    """A due date: a day or an instant. `rule` is what is left of the rule with it."""

    rule: str
    day: date | None
    instant: datetime | None
    days_later: int


def next_due(task: Task, completed_at: datetime, zone: ZoneInfo) -> Due | None:
    """Return the due date after that of a recurring task, or None if the series ends with it.

    A date that is counted from the due date is not in the past at the completion: the day itself, or a later instant.
    """
    rule, due_at = parse_rule(task.recurrence or ""), task.due_at
    if due_at and due_at.year == MAXYEAR:  # its last instants are in a later year in some time zones
        return None
    today = day_of(completed_at, zone)
    local = due_at.astimezone(zone) if due_at else None
    due = local.date() if local else (task.due_date or today)
    by_completion = task.recurrence_from == RecurrenceStart.COMPLETION
    days = _days_after_completion(rule, today) if by_completion else _days(rule, due, max(due, today - ONE_DAY))
    earliest = completed_at if by_completion or due_at is None else max(due_at, completed_at)
    clock = local.time() if local else time()
    if rule.hour is not None and rule.minute is not None:
        clock = clock.replace(hour=rule.hour, minute=rule.minute)
    for steps, day in days:
        instant = _instant(day, clock, zone) if due_at else None
        if due_at and (instant is None or instant <= earliest):
            continue
        if _is_over(rule, steps, day, instant, zone):
            return None
        left = _with_time(rule.after(steps), datetime.combine(day, clock), instant, zone)
        return Due(left, None if due_at else day, instant, (day - due).days)
    return None


def _days(rule: Rule, due: date, after: date) -> Iterator[tuple[int, date]]:
    """Yield the days of a rule after a day, each with the number of days since the due date, which is one of them."""
    counted = rule.count is not None
    start = due if counted else _aligned(rule, due, after)
    found = _dates(rule, due, start, due if counted else after)
    for steps, day in enumerate(islice(found, rule.count), 1):
        if day > after:
            yield steps, day


def _days_after_completion(rule: Rule, today: date) -> Iterator[tuple[int, date]]:
    """Yield the first day after the completion. A month or year later is at most the last day of that month."""
    if not rule.has_days and rule.frequency in {"MONTHLY", "YEARLY"}:
        months = rule.interval * (12 if rule.frequency == "YEARLY" else 1)
        if today.year + months // 12 < date.max.year:
            yield 1, today + relativedelta(months=months)
        return
    for day in _dates(rule, today, today, today):
        yield 1, day
        return


def _dates(rule: Rule, due: date, start: date, after: date) -> Iterator[date]:
    """Yield the dates of a rule after a day, up to MAX_YEARS later. `start` is in a period of the rule."""
    weekdays = [_weekday(number, day) for number, day in rule.weekdays] or None
    months: tuple[int, ...] | None = rule.months or None
    month_days: tuple[int, ...] | None = rule.month_days or None
    if not rule.has_days:
        weekdays = [_weekday(0, due.weekday())] if rule.frequency == "WEEKLY" else None
        month_days = (due.day,) if rule.frequency in {"MONTHLY", "YEARLY"} else None
        months = (due.month,) if rule.frequency == "YEARLY" else None
    found = rrule.rrule(
        FREQUENCIES[rule.frequency],
        dtstart=datetime.combine(start, time()),
        interval=rule.interval,
        wkst=rule.week_start,
        bymonth=months,
        bymonthday=month_days,
        byweekday=weekdays,
        bysetpos=rule.position,
        until=datetime.combine(date(min(after.year + MAX_YEARS, date.max.year), 12, 31), time()),
    )
    return (moment.date() for moment in found if moment.date() > after)


def _weekday(number: int, day: int) -> rrule.weekday:
    return rrule.weekday(day, number or None)


def _aligned(rule: Rule, due: date, after: date) -> date:
    """Return the start of the last period of the rule that does not start after a day. Skips what lies before."""
    if rule.frequency == "DAILY":
        return due + timedelta(days=(after - due).days // rule.interval * rule.interval)
    if rule.frequency == "WEEKLY":
        week = due - timedelta(days=(due.weekday() - rule.week_start) % 7)
        return week + timedelta(weeks=(after - week).days // 7 // rule.interval * rule.interval)
    if rule.frequency == "MONTHLY":
        months = (after.year - due.year) * 12 + after.month - due.month
        return due.replace(day=1) + relativedelta(months=months // rule.interval * rule.interval)
    return date(due.year + (after.year - due.year) // rule.interval * rule.interval, 1, 1)


def later_due(
    due_date: date | None, due_at: datetime | None, days: int, zone: ZoneInfo
) -> tuple[date | None, datetime | None]:
    """Return a due date a number of days later, at the same time of day; the same one if that is out of range."""
    try:
        local = due_at.astimezone(zone) if due_at else None
        day = (local.date() if local else due_date or date.max) + timedelta(days=days)
    except OverflowError:
        return due_date, due_at
    if not local or not due_at:
        return due_date and day, None
    return None, _instant(day, local.time(), zone) or due_at


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime | None:
    """Return the instant of a local time, in UTC: the first one if it occurs twice. None after the year 9999."""
    try:
        return datetime.combine(day, clock.replace(fold=0), zone).astimezone(UTC)
    except OverflowError:
        return None


def _is_over(rule: Rule, steps: int, day: date, instant: datetime | None, zone: ZoneInfo) -> bool:
    if rule.count is not None and steps >= rule.count:
        return True
    if not isinstance(rule.until, datetime):
        return rule.until is not None and day > rule.until
    if instant or rule.until.year == MAXYEAR:
        return instant is not None and instant > rule.until
    return day > day_of(rule.until, zone)


def _with_time(rule: Rule, local: datetime, instant: datetime | None, zone: ZoneInfo) -> str:
    """Return the rule, with the time of day if clocks skip that time, so that the due date has another one."""
    displaced = instant and instant.astimezone(zone).replace(tzinfo=None) != local
    return str(rule.at_time(local.hour, local.minute) if displaced else rule.at_time(None, None))
