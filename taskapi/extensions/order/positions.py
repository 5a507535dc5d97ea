"""Positions: hexadecimal digits, read as a fraction. Their order is that of their bytes.

The first 12 digits are milliseconds since 1970, as in the ids of tasks. So there is always room before the first
position and after the last one, and a new task comes after all tasks that were created or moved before.
"""

from typing import Final

from uuid_utils.compat import uuid7

MAX_DIGITS: Final = 64
_TIME_DIGITS: Final = 12


def position_before(high: str) -> str:
    """Return a position before the first one: a millisecond earlier."""
    return f"{_whole(high, _TIME_DIGITS) - 1:0{_TIME_DIGITS}x}"


def position_after(low: str) -> str:
    """Return a position after the last one: now, or a millisecond later if the clock is behind."""
    new = uuid7().hex
    return new if new > low else f"{_whole(low, _TIME_DIGITS) + 1:0{_TIME_DIGITS}x}"


def positions_between(low: str, high: str, count: int, max_digits: int = MAX_DIGITS) -> list[str]:
    """Return positions with equal distances between two others, or none if they need more than `max_digits`."""
    for digits in range(1, max_digits + 1):
        start, end = _whole(low, digits), _whole(high, digits)
        if distance := (end - start) // (count + 1):
            return [f"{start + number * distance:0{digits}x}" for number in range(1, count + 1)]
    return []


def _whole(position: str, digits: int) -> int:
    """Return the first digits of a position as a number."""
    return int(position[:digits].ljust(digits, "0"), 16)
