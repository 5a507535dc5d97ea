"""Read a CSV file of tasks row by row: that of the export, of a spreadsheet, or of another application.

An export writes an apostrophe before each character with which a spreadsheet begins a formula: `=`, `+`, `-` or `@` at
the start of a cell, and after `;`, a tab or a line break. These apostrophes are removed from tables.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from typing import IO, Any, Final

from marshmallow import ValidationError

from taskapi.api import invalid
from taskapi.api.errors import shorten
from taskapi.database import reader
from taskapi.extensions.csv_imports.cells import (
    ERRORS,
    Application,
    Cells,
    Dates,
    Values,
    column_key,
    fit_title,
    reject,
    split_names,
)
from taskapi.extensions.csv_imports.dialect import NAMES, Dialect, detect_dialect, read_rows
from taskapi.extensions.imports.findings import MAX_LISTED_ROWS, Findings
from taskapi.extensions.imports.schemas import FILE_TASK, MAX_ROWS
from taskapi.extensions.imports.task_file import Row
from taskapi.security.tokens import caller
from taskapi.users.service import timezone_of

FIELDS: Final = {column_key(name): name for name in FILE_TASK.fields}
INSTANTS: Final = {"created_at", "updated_at", "completed_at"}
CHOICES: Final = {"status", "priority"}
LISTS: Final = {"labels", "reminders"}
_BLANKS = re.compile(r"[\s-]+")
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"  # the last four are = + - @ in full width
_APOSTROPHE = re.compile(f"^'(?=[\"']*[{_SIGNS}\t\r\n])|(?<=[;\t\r\n])'(?=[\"']*[{_SIGNS}])")


_applications: dict[str, Application] = {}


def register_applications(applications: Iterable[Application]) -> None:
    """Recognize the files of these applications."""
    _applications.update((each.name, each) for each in applications)


def find_application(keys: Iterable[str]) -> Application | None:
    """Return the application that writes a header with these keys of columns."""
    present = set(keys)
    return next((each for each in _applications.values() if each.marks <= present), None)


def read_csv(file: IO[bytes], query: dict[str, Any], findings: Findings) -> Iterator[Row]:
    """Yield each row as a task: "tasks", its index, and its values. Describes the file in `findings`.

    Responds 400 or 422 if the file is not a table of tasks.
    """
    dialect = detect_dialect(file, query.get("encoding"), query.get("delimiter"), _rate, findings)
    rows = read_rows(file, dialect)
    header = next(rows, [])
    keys = [*map(column_key, header)]
    application = find_application(keys)
    _describe(findings, dialect, header, application)
    dates = Dates(query.get("date_order"), timezone_of(caller().id, reader()), findings)
    if application:
        findings.repairs_links = True
        tasks = application.convert(_cells(keys, rows), dates)
    else:
        ignores = "ignore_unknown" in query
        _check_header(header, dialect, ignores)
        tasks = _table([FIELDS.get(key, key) for key in keys], rows, dates, ignores)
    for index, values in tasks:
        fit_title(values, index, findings)
        yield "tasks", index, ValidationError(values[ERRORS]) if ERRORS in values else values


def _rate(number: int, row: list[str]) -> int:
    """Return how many columns of a possible header are known. Only applications write rows before their header."""
    keys = {*map(column_key, row)}
    if application := find_application(keys):
        return len(keys & application.fields.keys())
    return len(keys & FIELDS.keys()) if number == 0 else 0


def _describe(findings: Findings, dialect: Dialect, header: list[str], application: Application | None) -> None:
    fields = application.fields if application else FIELDS
    known = [(name, fields[key]) for name in header if (key := column_key(name)) in fields]
    ignored = [name for name in header if name and column_key(name) not in fields]
    findings.source = {
        "application": application.name if application else "table",
        "delimiter": NAMES[dialect.delimiter],
        "encoding": dialect.encoding,
        "columns": {shorten(name): field for name, field in known[:MAX_LISTED_ROWS]},
        "ignored_columns": [*map(shorten, ignored[:MAX_LISTED_ROWS])],
    }


def _check_header(header: list[str], dialect: Dialect, ignores: bool) -> None:
    """Respond 422 to unknown columns, to columns given more than once, and to a table without titles."""
    keys = Counter(column_key(name) for name in header if name)
    faults: dict[str, list[str]] = {}
    for name in header:
        key = column_key(name)
        if name and key not in FIELDS and not ignores:
            faults[name] = [f"Unknown field. {dialect.described}"]
        elif name and keys[key] > 1 and key in FIELDS:
            faults[name] = ["Given more than once."]
    if "title" not in keys:
        faults["title"] = [f"Missing data for required field. {dialect.described}"]
    if faults:
        invalid("csv", dict(islice(faults.items(), MAX_LISTED_ROWS)))


def _cells(keys: list[str], rows: Iterator[list[str]]) -> Iterator[tuple[int, Cells]]:
    """Yield the cells of each row that is not empty, by column. Of columns with one name, the first counts."""
    for index, row in _numbered(rows):
        yield (
            index,
            {
                key: cell
                for key, cell in zip(reversed(keys[: len(row)]), reversed(row[: len(keys)]), strict=True)
                if cell
            },
        )


def _numbered(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    for index, row in enumerate(filter(any, rows)):
        if index >= MAX_ROWS:
            invalid("csv", {"tasks": [f"Longer than maximum length {MAX_ROWS}."]})
        yield index, row


def _table(names: list[str], rows: Iterator[list[str]], dates: Dates, ignores: bool) -> Iterator[tuple[int, Values]]:
    for index, row in _numbered(rows):
        cells = islice(zip_longest(names, row, fillvalue=""), len(names) + MAX_LISTED_ROWS)
        values: Values = {name: _APOSTROPHE.sub("", cell) for name, cell in cells if cell}
        if ignores:
            values = {name: cell for name, cell in values.items() if not name or name in FILE_TASK.fields}
        values |= {name: split_names(values[name]) for name in LISTS & values.keys()}
        values |= {name: _BLANKS.sub("_", values[name].strip().casefold()) for name in CHOICES & values.keys()}
        _read_dates(values, dates)
        yield index, values


def _read_dates(values: Values, dates: Dates) -> None:
    due: Values = {}
    for name in ("due_date", "due_at"):
        if name in values:
            try:
                due |= dates.due(values[name]) or {name: values[name]}
            except ValidationError as error:
                reject(values, name, error)
            del values[name]
    values |= due
    for name in INSTANTS & values.keys():
        try:
            values[name] = dates.instant(values[name])
        except ValidationError as error:
            reject(values, name, error)
