"""The to-dos of a calendar file (RFC 5545), read line by line, so that memory never holds more than one of them.

Only the lines of properties that an import knows are kept. Nothing is expanded: no rule of repetition, and no rule of a
time zone. The library `icalendar` reads dates, times and durations.
"""

import re
from collections.abc import Iterator
from io import TextIOWrapper
from typing import IO, Final, NamedTuple, NoReturn

from taskapi.api import problem
from taskapi.extensions.imports.upload import MAX_ROW_CHARACTERS

MAX_DEPTH: Final = 8  # a calendar, a to-do and an alarm are three
MAX_LINES: Final = 10_000  # of one component that are kept
MAX_FILE_LINES: Final = 500_000  # 25 for each of 20,000 to-dos
MAX_ZONES: Final = 100
MAX_HEAD: Final = 1000  # characters of a name with its parameters
KEPT: Final = {
    "UID", "SUMMARY", "DESCRIPTION", "STATUS", "PRIORITY", "DUE", "DTSTART", "DURATION", "COMPLETED",
    "PERCENT-COMPLETE", "CREATED", "CATEGORIES", "RELATED-TO", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID",
    "X-RECURRENCE-FROM", "ATTACH", "GEO", "LOCATION", "URL", "TRIGGER",
}  # fmt: skip
_VALUE = r'(?:"[^"]*"|[^";:,]*)'
_HEAD = re.compile(rf"([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+={_VALUE}(?:,{_VALUE})*)*):")
_PARAMETER = re.compile(rf";([A-Za-z0-9-]+)=({_VALUE})")


class Property(NamedTuple):
    """A property: its name in capitals, its parameters by name in capitals, and its value as written."""

    name: str
    parameters: dict[str, str]
    value: str


class Component(NamedTuple):
    """A to-do with the properties that are kept, those of its alarms too, and the names of the components inside it."""

    properties: list[Property]
    inside: set[str]


class CalendarFile:
    """A calendar file. `product` and `zones` are known for what was read so far; `others` counts other components."""

    def __init__(self, file: IO[bytes]) -> None:
        self.product = ""
        self.zones: dict[str, str] = {}  # by TZID: the IANA name that its definition gives
        self.others: dict[str, int] = {}
        self._text = TextIOWrapper(file, "utf-8-sig", newline="")
        self._path: list[str] = []
        self._zone = ""
        self._todo: Component | None = None
        self._size = 0  # of the properties that are kept

    def todos(self) -> Iterator[Component]:
        """Yield each to-do. Responds 400 if the file is malformed or exceeds a limit."""
        for number, line in enumerate(self._lines()):
            if number >= MAX_FILE_LINES:
                _reject(f"It has more than {MAX_FILE_LINES:,} lines.")
            found = parse_property(line)
            if found is None:  # some applications write lines that are no properties
                if not self._path:
                    _reject("It does not begin with BEGIN:VCALENDAR.")
            elif found.name == "BEGIN":
                self._begin(found.value)
            elif found.name == "END":
                self._end(found.value)
                if self._todo and len(self._path) == 1:
                    yield self._todo
                    self._todo = None
            elif self._todo and self._path[-1] == ("VALARM" if found.name == "TRIGGER" else "VTODO"):
                self._keep(self._todo, found, len(line))
            else:
                self._note(found)
        if self._path or not self.others:
            _reject("It is incomplete." if self._path else "It does not begin with BEGIN:VCALENDAR.")

    def _begin(self, value: str) -> None:
        kind = value.strip().upper()[:40]
        if not self._path and kind != "VCALENDAR":
            _reject("It does not begin with BEGIN:VCALENDAR.")
        self._path.append(kind)
        if len(self._path) > MAX_DEPTH:
            _reject(f"Components are nested deeper than {MAX_DEPTH} levels.")
        if len(self._path) <= 2 and len(self.others) < MAX_ZONES:
            self.others[kind] = self.others.get(kind, 0) + 1
        if self._todo:
            if len(self._todo.inside) < MAX_ZONES:
                self._todo.inside.add(kind)
        elif self._path[1:] == ["VTODO"]:
            self._todo, self._size = Component([], set()), 0

    def _keep(self, todo: Component, found: Property, size: int) -> None:
        if found.name not in KEPT:
            return
        self._size += size
        if len(todo.properties) >= MAX_LINES or self._size > MAX_ROW_CHARACTERS:
            _reject(f"A to-do has more than {MAX_ROW_CHARACTERS:,} characters, or {MAX_LINES:,} properties.")
        todo.properties.append(found)

    def _end(self, value: str) -> None:
        kind = value.strip().upper()[:40]
        if not self._path or self._path.pop() != kind:
            _reject(f"END:{kind} does not match a BEGIN.")

    def _note(self, found: Property) -> None:
        """Read the name of the application, and the names of time zones."""
        if self._path == ["VCALENDAR"] and found.name == "PRODID":
            self.product = found.value[:200]
        elif self._path == ["VCALENDAR", "VTIMEZONE"] and len(self.zones) < MAX_ZONES:
            if found.name == "TZID":
                self._zone = found.value[:200]
            elif found.name in {"X-LIC-LOCATION", "TZID-ALIAS-OF"} and self._zone:
                self.zones[self._zone] = found.value.strip()[:200]

    def _lines(self) -> Iterator[str]:
        """Yield the unfolded lines (section 3.1). Responds 400 if one is too long, or the file is not UTF-8."""
        parts: list[str] = []
        size = 0
        try:
            while part := self._text.readline(MAX_ROW_CHARACTERS + 1):
                if parts and part[0] in " \t":
                    part = part[1:]
                elif parts:
                    yield "".join(parts)
                    parts, size = [], 0
                part = part.rstrip("\r\n")
                size += len(part) + 1
                if size > MAX_ROW_CHARACTERS:
                    _reject(f"A line has more than {MAX_ROW_CHARACTERS:,} characters.")
                if part or parts:
                    parts.append(part)
        except UnicodeDecodeError:
            _reject("It is not UTF-8.")
        if parts:
            yield "".join(parts)


def parse_property(line: str) -> Property | None:
    """Return the property of a line, or None if the line has no name, or a head that is too long."""
    head = _HEAD.match(line, 0, MAX_HEAD)
    if not head:
        return None
    parameters = {name.upper(): value.strip('"') for name, value in _PARAMETER.findall(head[2])}
    return Property(head[1].upper(), parameters, line[head.end() :])


def _reject(detail: str) -> NoReturn:
    problem("malformed_ics", f"The body is not a calendar: {detail}")
