"""Tasks as CSV (RFC 4180), which people open in spreadsheets.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula. Where `;` or a tab separates cells, as
in many European locales, a cell may begin inside of one of ours. So an apostrophe is written before every such
character at the start of a cell or after `;`, a tab or a line break, and removed again when the file comes back.
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
# Quotes may lie between: of the cell `a;"=1"`, a program that splits at `;` reads `""=1""`, whose value begins with `=`
_FORMULA = re.compile(f"^(?=[\"']*[{_SIGNS}\t\r\n])|[;\t\r\n](?=[\"']*[{_SIGNS}])")
_APOSTROPHE = re.compile(f"^'(?=[\"']*[{_SIGNS}\t\r\n])|(?<=[;\t\r\n])'(?=[\"']*[{_SIGNS}])")
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
    return _FORMULA.sub(r"\g<0>'", value) if isinstance(value, str) and value else value


def read_csv(pieces: Pieces) -> Iterator[dict[str, Any]]:
    """Yield what each row says by its columns' names. Responds 400 or 422 if it is not a table of tasks."""
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
    """The lines of a body. Raises csv.Error when a row, which may have several, has too many characters."""

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
    """Return what the cells of a row say; an empty one says nothing."""
    cells = islice(zip_longest(header, row, fillvalue=""), len(header) + MOST_LISTED)
    return {name: _value(name, cell) for name, cell in cells if cell}


def _value(name: str, cell: str) -> Any:
    text = _APOSTROPHE.sub("", cell)
    return _names(text) if name == "labels" else text


def _names(text: str) -> list[str] | str:
    """Return the names in a cell, which is a line of CSV by itself; one that is none stays as it is, to be refused."""
    try:
        [names] = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        return text
    return [name for name in names if name.strip()] if len(names) <= MAX_MEMBERS else text
