"""Tasks as CSV (RFC 4180), which people open in spreadsheets.

A spreadsheet takes a cell that begins with `=` and the like for a formula, so an apostrophe is put before it, and taken
off again when the file comes back.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import StringIO
from itertools import islice, zip_longest
from typing import Any

from taskapi.api import invalid, problem
from taskapi.tasks.exchange.schemas import MOST_ROWS, NAMES, Chunks

CSV = "text/csv"
FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four: = + - @ in full width
MOST_LISTED = 100


def write_csv(chunks: Chunks) -> Iterator[bytes]:
    """Yield a header and a line for each task."""
    yield _lines([NAMES])
    for rows in chunks:
        yield _lines([_cell(value) for value in row] for row in rows)


def _lines(rows: Iterable[Iterable[Any]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        value = _lines([value]).decode().removesuffix("\r\n")
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def read_csv(body: bytes) -> list[dict[str, Any]]:
    """Return what each row says by its columns' names; answers 400 or 422 where it is no table of tasks."""
    try:
        lines = csv.reader(StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
    except UnicodeDecodeError:
        problem("malformed_csv", "The body is not UTF-8.")
    try:
        header = _header(next(lines, []))
        return [_values(header, row) for row in islice(filter(any, lines), MOST_ROWS + 1)]
    except csv.Error as error:
        problem("malformed_csv", f"The body is not CSV at line {lines.line_num}: {error}.")


def _header(cells: list[str]) -> list[str]:
    names = Counter(cells)
    faults = {name: ["Unknown field."] for name in names if name and name not in NAMES}
    faults |= {name: ["Given more than once."] for name, count in names.items() if name and count > 1}
    if "title" not in names:
        faults["title"] = ["Missing data for required field."]
    if faults:
        invalid("csv", dict(islice(faults.items(), MOST_LISTED)))
    return cells


def _values(header: list[str], row: list[str]) -> dict[str, Any]:
    """Return what the cells of a row say; an empty one says nothing."""
    return {name: _value(name, cell) for name, cell in zip_longest(header, row, fillvalue="") if cell}


def _value(name: str, cell: str) -> Any:
    text = cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _names(text) if name == "labels" else text


def _names(text: str) -> list[str] | str:
    """Return the names in a cell, which is a line of CSV by itself; one that is none stays as it is, to be refused."""
    try:
        [names] = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        return text
    return [name for name in names if name.strip()]
