"""Read a CSV file of tasks (RFC 4180) row by row, in the form of the export or of a spreadsheet.

An export writes an apostrophe before each character with which a spreadsheet begins a formula: `=`, `+`, `-` or `@` at
the start of a cell, and after `;`, a tab or a line break. These apostrophes are removed.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice, zip_longest
from typing import IO, Any

from taskapi.api import invalid, problem
from taskapi.api.parsing import MAX_MEMBERS
from taskapi.extensions.imports.schemas import FILE_TASK
from taskapi.extensions.imports.upload import MAX_ROW_CHARACTERS

MAX_LISTED_ROWS = 100
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"  # the last four are = + - @ in full width
_APOSTROPHE = re.compile(f"^'(?=[\"']*[{_SIGNS}\t\r\n])|(?<=[;\t\r\n])'(?=[\"']*[{_SIGNS}])")


def read_csv(file: IO[bytes]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield each row as a task: "tasks", its index, and its values by column name.

    Responds 400 or 422 if the file is not a table of tasks.
    """
    lines = _Lines(file)
    rows = csv.reader(lines, strict=True)
    try:
        header = _header(next(rows, []))
        index = 0
        for row in rows:
            lines.characters = 0
            if any(row):
                yield "tasks", index, _values(header, row)
                index += 1
    except UnicodeDecodeError:
        problem("malformed_csv", "The body is not UTF-8.")
    except csv.Error as error:
        problem("malformed_csv", f"The body is not CSV at line {rows.line_num}: {error}.")


class _Lines:
    """The lines of a file. Raises csv.Error if a row, which may have several lines, is too long."""

    def __init__(self, file: IO[bytes]) -> None:
        self.characters = 0
        self._text = TextIOWrapper(file, "utf-8-sig", newline="")

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(MAX_ROW_CHARACTERS + 1):
            self.characters += len(line)
            if self.characters > MAX_ROW_CHARACTERS:
                raise csv.Error(f"a row has more than {MAX_ROW_CHARACTERS} characters")
            yield line


def _header(cells: list[str]) -> list[str]:
    names = Counter(cells)
    faults = {name: ["Unknown field."] for name in names if name and name not in FILE_TASK.fields}
    faults |= {name: ["Given more than once."] for name, count in names.items() if name and count > 1}
    if "title" not in names:
        faults["title"] = ["Missing data for required field."]
    if faults:
        invalid("csv", dict(islice(faults.items(), MAX_LISTED_ROWS)))
    return cells


def _values(header: list[str], row: list[str]) -> dict[str, Any]:
    """Return the values of a row by column name, without empty cells."""
    cells = islice(zip_longest(header, row, fillvalue=""), len(header) + MAX_LISTED_ROWS)
    texts = {name: _APOSTROPHE.sub("", cell) for name, cell in cells if cell}
    return texts | {"labels": _names(texts["labels"])} if "labels" in texts else texts


def _names(text: str) -> list[str] | str:
    """Return the names in a cell, which is a row of CSV. Returns invalid text unchanged, for the schema to reject."""
    try:
        [names] = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        return text
    return [name for name in names if name.strip()] if len(names) <= MAX_MEMBERS else text
