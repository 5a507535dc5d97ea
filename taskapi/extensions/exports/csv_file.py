"""Tasks as CSV (RFC 4180), which people open in spreadsheets.

A spreadsheet treats a cell that starts with `=`, `+`, `-` or `@` as a formula. Programs that separate cells by `;` or a
tab, as in many European locales, may find the start of a cell inside one of these cells. So an apostrophe is written
before each such character at the start of a cell and after `;`, a tab or a line break. An import removes it again.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from sqlalchemy import Row

from taskapi.extensions.exports.schemas import TASK_FIELDS

_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"  # the last four are = + - @ in full width
# Quotes may come between: from `a;"=1"`, a program that splits at `;` reads `""=1""`, whose value starts with `=`
_FORMULA = re.compile(f"^(?=[\"']*[{_SIGNS}\t\r\n])|[;\t\r\n](?=[\"']*[{_SIGNS}])")


def write_csv(chunks: Iterable[Sequence[Row[Any]]]) -> Iterator[bytes]:
    """Yield the CSV: a header, and a row for each task."""
    yield _lines([TASK_FIELDS])
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
