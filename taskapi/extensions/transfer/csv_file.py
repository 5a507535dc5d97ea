"""Tasks as CSV (RFC 4180), which people open in spreadsheets.

A spreadsheet treats a cell that starts with `=`, `+`, `-` or `@` as a formula. Programs that separate cells by `;` or a
tab, as in many European locales, may find the start of a cell inside one of these cells. So the export writes an
apostrophe before each such character at the start of a cell and after `;`, a tab or a line break. The import removes
the apostrophe.
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
from taskapi.api.parsing import MAX_MEMBERS
from taskapi.extensions.transfer.schemas import NAMES, Chunks
from taskapi.extensions.transfer.upload import MOST_ROW_CHARACTERS, Pieces, open_text

CSV = "text/csv"
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"  # the last four are = + - @ in full width
# Quotes may come between: from `a;"=1"`, a program that splits at `;` reads `""=1""`, whose value starts with `=`
_FORMULA = re.compile(f"^(?=[\"']*[{_SIGNS}\t\r\n])|[;\t\r\n](?=[\"']*[{_SIGNS}])")
_APOSTROPHE = re.compile(f"^'(?=[\"']*[{_SIGNS}\t\r\n])|(?<=[;\t\r\n])'(?=[\"']*[{_SIGNS}])")
MOST_LISTED = 100


def write_csv(chunks: Chunks) -> Iterator[bytes]:
    """Yield the CSV: a header, and a row for each task."""
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
    return _FORMULA.sub(r"\g<0>'", value) if isinstance(value, str) and value else value


def read_csv(pieces: Pieces) -> Iterator[dict[str, Any]]:
    """Yield the values of each row by column name. Responds 400 or 422 if the file is not a table of tasks."""
    lines = _Lines(pieces)
    rows = csv.reader(lines, strict=True)
    try:
        header = _header(next(rows, []))
        for row in rows:
            lines.characters = 0
            if any(row):
                yield _values(header, row)
    except UnicodeDecodeError:
        problem("malformed_csv", "The body is not UTF-8.")
    except csv.Error as error:
        problem("malformed_csv", f"The body is not CSV at line {rows.line_num}: {error}.")


class _Lines:
    """The lines of a body. Raises csv.Error if a row, which may have several lines, is too long."""

    def __init__(self, pieces: Pieces) -> None:
        self.characters = 0
        self._text = open_text(pieces)

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(MOST_ROW_CHARACTERS + 1):
            self.characters += len(line)
            if self.characters > MOST_ROW_CHARACTERS:
                raise csv.Error(f"a row has more than {MOST_ROW_CHARACTERS} characters")
            yield line


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
    """Return the values of a row by column name, without empty cells."""
    cells = islice(zip_longest(header, row, fillvalue=""), len(header) + MOST_LISTED)
    return {name: _value(name, cell) for name, cell in cells if cell}


def _value(name: str, cell: str) -> Any:
    text = _APOSTROPHE.sub("", cell)
    return _names(text) if name == "labels" else text


def _names(text: str) -> list[str] | str:
    """Return the names in a cell, which is a row of CSV. Returns invalid text unchanged, for the schema to reject."""
    try:
        [names] = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        return text
    return [name for name in names if name.strip()] if len(names) <= MAX_MEMBERS else text
