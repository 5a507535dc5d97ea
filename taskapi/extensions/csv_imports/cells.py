"""Cells of a CSV file: names of columns, lists of names, dates, and titles that are too long."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

from taskapi.api.parsing import MAX_MEMBERS
from taskapi.extensions.csv_imports.dates import parse_moment, to_instant
from taskapi.extensions.imports.findings import Findings

MAX_TITLE: Final = 200
ERRORS: Final = "errors"  # a key in the values of an invalid row
Cells = dict[str, str]  # by key of the column, without empty cells
Values = dict[str, Any]  # of a task
Rows = Iterable[tuple[int, Cells]]
Tasks = Iterator[tuple[int, Values]]
_BETWEEN_WORDS = re.compile(r"[\s_/-]+")
_CANONICAL = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ][\d:.]+(?:[Zz]|[+-]\d\d:\d\d))?", re.ASCII)


def column_key(name: str) -> str:
    """Return the key of a column: its name in lower case, without blanks and signs between words."""
    return _BETWEEN_WORDS.sub("", name).casefold()


def split_names(text: str) -> list[str] | str:
    """Return the names in a cell, which is a row of CSV. Returns invalid text unchanged, for the schema to reject."""
    try:
        [names] = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        return text
    return [name for name in names if name.strip()] if len(names) <= MAX_MEMBERS else text


def reject(values: Values, field: str, error: ValidationError) -> None:
    """Add an error of a field to the values of a row, which is then not read."""
    values.setdefault(ERRORS, {})[field] = error.messages


def fit_title(values: Values, row: int, findings: Findings) -> None:
    """Shorten a title that is too long or has several lines. All of it goes to the start of the description."""
    title = values.get("title", "").strip()
    lines = title.splitlines() or [""]
    if len(title) <= MAX_TITLE and len(lines) == 1:
        return
    short = lines[0] if len(lines[0]) <= MAX_TITLE else f"{lines[0][: MAX_TITLE - 1].rstrip()}…"
    values["title"] = short
    values["description"] = "\n\n".join(filter(None, (title, values.get("description"))))
    what = "longer than 200 characters" if len(title) > MAX_TITLE else "of several lines"
    findings.warn(f"The title was {what}. All of it is in the description.", row)


class Dates(NamedTuple):
    """How to read the dates of a file: the order of day and month, and the zone of times without an offset."""

    order: str | None
    zone: ZoneInfo
    findings: Findings

    def due(self, text: str, zone: ZoneInfo | None = None) -> Values:
        """Return `due_date` or `due_at`; nothing if the text is no date. Raises ValidationError.

        A spreadsheet may write a day as its first moment. So midnight without an offset is the day.
        """
        if _CANONICAL.fullmatch(text):
            return {"due_date" if len(text) == 10 else "due_at": text}
        moment = parse_moment(text, self.order)
        if moment is None:
            return {}
        if not isinstance(moment, datetime):
            return {"due_date": moment.isoformat()}
        if moment.tzinfo is None and moment.time() == time():
            return {"due_date": moment.date().isoformat()}
        return {"due_at": self._in_zone(moment, zone).isoformat()}

    def instant(self, text: str) -> str:
        """Return an instant as text; text that is no date unchanged, for the schema. Raises ValidationError."""
        if len(text) > 10 and _CANONICAL.fullmatch(text):
            return text
        moment = parse_moment(text, self.order)
        return text if moment is None else self._in_zone(moment, None).isoformat()

    def day_in(self, zone: ZoneInfo, text: str) -> str | None:
        """Return the day of an instant in a zone, for applications that write a day as an instant."""
        try:
            moment = parse_moment(text, self.order)
        except ValidationError:
            return None
        if isinstance(moment, datetime) and moment.tzinfo:
            moment = moment.astimezone(zone)
        return moment.strftime("%Y-%m-%d") if moment else None

    def _in_zone(self, moment: date | datetime, zone: ZoneInfo | None) -> datetime:
        if zone is None and getattr(moment, "tzinfo", None) is None:
            self.findings.warn_once(f"Times without an offset are in the time zone of your account, {self.zone.key}.")
        return to_instant(moment, zone or self.zone)


class Application(NamedTuple):
    """An application that writes CSV. `marks` are columns that identify its files.

    `fields` are the columns that are imported. `convert` yields the tasks of the rows; it can skip or join rows.
    """

    name: str
    marks: frozenset[str]
    fields: dict[str, str]
    convert: Callable[[Rows, Dates], Tasks]
