"""The encoding and the delimiter of a CSV file, and its rows."""

import csv
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from itertools import islice
from typing import IO, Final, NamedTuple, NoReturn

from taskapi.api import problem
from taskapi.extensions.csv_imports.schemas import DELIMITERS, ENCODINGS
from taskapi.extensions.imports.findings import Findings
from taskapi.extensions.imports.upload import MAX_ROW_CHARACTERS

CHUNK_BYTES: Final = 256 * 1024
HEAD_CHARACTERS: Final = 64 * 1024  # in which the header is searched
HEAD_ROWS: Final = 10  # TickTick writes three rows before the header
WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # the first bytes of .xlsx and .xls
_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
NAMES: Final = {character: name for name, character in DELIMITERS.items()}


class Dialect(NamedTuple):
    """How to read a file. `skipped` is the number of rows before the header, and `sep` whether it has a line `sep=`."""

    encoding: str
    delimiter: str
    skipped: int
    sep: bool

    @property
    def described(self) -> str:
        """The delimiter, for messages."""
        return f"The delimiter is the {NAMES[self.delimiter]}."


def detect_dialect(
    file: IO[bytes],
    encoding: str | None,
    delimiter: str | None,
    rate: Callable[[int, list[str]], int],
    findings: Findings,
) -> Dialect:
    """Return how to read a file. `rate` returns how many columns it recognizes in a row, by its number.

    Of the delimiters, the one with the best header is chosen, or the first in DELIMITERS. Responds 400 to a workbook.
    """
    encoding = _detect_encoding(file, encoding, findings)
    head = _read_head(file, encoding)
    first, _, rest = head.partition("\n")
    if stated := _SEP.fullmatch(first):
        if stated[1] not in NAMES:
            problem("malformed_csv", f"The line sep= must name one of: {', '.join(DELIMITERS)}.")
        delimiter, head = delimiter or NAMES[stated[1]], rest
    candidates = [DELIMITERS[delimiter]] if delimiter else [*DELIMITERS.values()]
    rated = [(rate(number, row), each, number) for each in candidates for number, row in _first_rows(head, each)]
    best, character, skipped = max(rated, key=lambda each: each[0], default=(0, ",", 0))
    if not best:  # the header is unknown, and its errors name the delimiter
        header = head.lstrip().partition("\n")[0]
        character, skipped = max(candidates, key=header.count), 0
    return Dialect(encoding, character, skipped, bool(stated))


def read_rows(file: IO[bytes], dialect: Dialect) -> Iterator[list[str]]:
    """Yield the header and the rows after it. Responds 400 if the file is malformed."""
    file.seek(0)
    lines = _Lines(file, dialect.encoding)
    if dialect.sep:
        next(iter(lines))
    rows = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    try:
        for number, row in enumerate(rows):
            lines.characters = 0
            if number >= dialect.skipped:
                yield row
    except UnicodeError:
        _reject_encoding(dialect.encoding)
    except csv.Error as error:
        line = rows.line_num + dialect.sep
        problem("malformed_csv", f"The body is not CSV at line {line}: {error}. {dialect.described}")


class _Lines:
    """The lines of a file. Raises csv.Error if a row, which may have several lines, is too long."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self.characters = 0
        self._text = TextIOWrapper(file, ENCODINGS[encoding], newline="")

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(MAX_ROW_CHARACTERS + 1):
            self.characters += len(line)
            if self.characters > MAX_ROW_CHARACTERS:
                raise csv.Error(f"a row has more than {MAX_ROW_CHARACTERS} characters")
            yield line


def _detect_encoding(file: IO[bytes], stated: str | None, findings: Findings) -> str:
    head = file.read(4)
    if head.startswith(WORKBOOKS):
        problem("malformed_csv", "The body is a workbook, not CSV. Save it in Excel as “CSV UTF-8”.")
    if head.startswith(BOM_UTF8):
        return "utf-8"
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "utf-16"
    if stated:
        return stated
    file.seek(0)
    decoder = getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(CHUNK_BYTES):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        findings.warn("The file is not UTF-8, so it was read as Windows-1252. Check letters with accents.")
        return "windows-1252"
    return "utf-8"


def _read_head(file: IO[bytes], encoding: str) -> str:
    file.seek(0)
    text = TextIOWrapper(file, ENCODINGS[encoding])  # all line breaks become \n
    try:
        return text.read(HEAD_CHARACTERS)
    except UnicodeError:
        _reject_encoding(encoding)
    finally:
        text.detach()


def _reject_encoding(encoding: str) -> NoReturn:
    problem("malformed_csv", f"The body is not {encoding}. State the encoding of the file in the query.")


def _first_rows(head: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the first rows with their numbers, up to one that is not CSV."""
    rows = csv.reader(head.splitlines(keepends=True), delimiter=delimiter)
    try:
        yield from enumerate(islice(rows, HEAD_ROWS))
    except csv.Error:
        return
