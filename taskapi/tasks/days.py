"""Days in a time zone, as instants: when a day starts, and which day it is.

A day starts at the first instant whose local date is that day or a later one. So a day starts at 01:00 where clocks
skip midnight, and a day that a zone skipped is empty: it starts and ends when the next day starts.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

NEVER: Final = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)  # the ascending sort key of a missing instant
ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)  # the descending sort key of a missing instant
TICK: Final = timedelta(microseconds=1)
ONE_DAY: Final = timedelta(days=1)
UTC_ZONE: Final = ZoneInfo("UTC")


@lru_cache(maxsize=8192)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant, in UTC, at which a day starts."""
    midnight = datetime.combine(day, time())
    start = midnight.replace(tzinfo=zone).astimezone(UTC)
    if _local(start, zone) == midnight:
        return start
    # Clocks skip midnight, at an instant between midnight by the later offset and midnight by the earlier one
    before = midnight.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while (seconds := int((start - before).total_seconds())) > 1:
        middle = before + timedelta(seconds=seconds // 2)
        if _local(middle, zone) >= midnight:
            start = middle
        else:
            before = middle
    return start


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the last microsecond of a day, in UTC."""
    return NEVER if day == date.max else start_of_day(day + ONE_DAY, zone) - TICK


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """Return the day that contains an instant."""
    day = _local(moment, zone).date()
    if day < date.max and start_of_day(day + ONE_DAY, zone) <= moment:
        return day + ONE_DAY  # clocks were set back over midnight: the next day has started before
    return day


def instant_key(instant: datetime) -> datetime:
    """Return the sort key of an instant: the instant, limited to values between ALWAYS and NEVER."""
    return min(max(instant, ALWAYS + TICK), NEVER - TICK)


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
