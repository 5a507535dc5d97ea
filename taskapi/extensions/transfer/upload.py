"""The body of an import, received in pieces and parsed row by row.

Each piece is freed once its rows are parsed, so that memory never holds the body twice.
"""

import re
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Iterator
from hashlib import sha256
from io import BufferedReader, BytesIO, RawIOBase, TextIOWrapper
from typing import Any, Final

from flask import request
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from taskapi.api import invalid, problem
from taskapi.api.parsing import CHUNK_BYTES, MAX_MEMBERS, read_chunks, read_value, reject_duplicate, require_type
from taskapi.config import settings

MOST_BYTES: Final = 16 * 1024 * 1024
MOST_ROW_CHARACTERS: Final = 512 * 1024  # of JSON or CSV; a valid row has at most 300,000, if all are escaped
FORM: Final = "multipart/form-data"
FORM_BYTES: Final = 64 * 1024  # of a form, besides its file
ROWS_DEPTH: Final = 2  # rows are in an array in an object
BEGIN: Final = object()
_BLANK = re.compile(r"[ \t\n\r]*")

Pieces = deque[bytes]


def receive(*media_types: str) -> Pieces:
    """Return the file of the request, from its body or from a form. Responds 400, 413, 415 or 422."""
    most = max(MOST_BYTES, settings().max_body_bytes)
    if request.mimetype == FORM and FORM in media_types and not request.content_encoding:
        return _file_of_form(most)
    require_type(media_types)
    return read_chunks(most)


def digest(pieces: Pieces) -> bytes:
    """Return a digest of the file, the same with and without a form."""
    hashed = sha256()
    for piece in pieces:
        hashed.update(piece)
    return hashed.digest()


def _file_of_form(most: int) -> Pieces:
    """Return the only file of a form. Responds 400, 413 or 422."""
    _, options = parse_options_header(request.headers.get("Content-Type", ""))
    body: Any = BufferedReader(_PieceReader(read_chunks(most + FORM_BYTES)))
    parser = FormDataParser(
        stream_factory=lambda *_args, **_kwargs: BytesIO(),
        max_form_memory_size=FORM_BYTES,
        max_form_parts=10,
        silent=False,
    )
    try:
        _, fields, files = parser.parse(body, FORM, None, options)
    except (ValueError, OSError):
        problem("malformed_request", "The form is malformed.")
    faults = {name: ["Unknown field."] for name in fields}
    found = [file for _, file in files.items(multi=True)]
    if len(found) != 1:
        faults["file"] = ["A form must have exactly one file."]
    if faults:
        invalid("form", faults)
    pieces = deque(iter(lambda: found[0].stream.read(CHUNK_BYTES), b""))
    if sum(map(len, pieces)) > most:
        problem("body_too_large")
    return pieces


class _PieceReader(RawIOBase):
    """A stream of bytes that frees each piece once it is read."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Copy bytes of one piece to a buffer, and return their number."""
        if not self._rest and self._pieces:
            self._rest = memoryview(self._pieces.popleft())
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def open_text(pieces: Pieces) -> TextIOWrapper:
    """Return a stream of the text of a file."""
    return TextIOWrapper(BufferedReader(_PieceReader(pieces)), "utf-8-sig", newline="")


class JsonText:
    """JSON text that is decoded while it is parsed. It decodes ahead by the maximum length of a row."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._decode = getincrementaldecoder("utf-8-sig")().decode
        self._text = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """Return the next character after white space without consuming it; empty at the end."""
        while True:
            self._fill()
            self._at = _BLANK.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]

    def take(self, *expected: str) -> str:
        """Consume and return the next character after white space. Responds 400 if it is not expected."""
        if (found := self.peek()) not in expected:
            problem("malformed_json")
        self._at += 1
        return found

    def value(self, depth: int = 0) -> Any:
        """Consume and return the next value. Responds 400 if it is malformed or too long."""
        self.peek()
        self._fill()
        value, end = read_value(self._text, self._at, depth)
        if end - self._at > MOST_ROW_CHARACTERS:
            problem("malformed_json", f"A value has more than {MOST_ROW_CHARACTERS} characters.")
        self._at = end
        return value

    def _fill(self) -> None:
        while not self._ended and len(self._text) - self._at < MOST_ROW_CHARACTERS:
            piece = self._pieces.popleft() if self._pieces else b""
            self._ended = not self._pieces
            try:
                more = self._decode(piece, self._ended)
            except UnicodeDecodeError:
                problem("malformed_json", "The body is not UTF-8.")
            self._text = self._text[self._at :] + more
            self._at = 0


def read_lists(pieces: Pieces, names: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """Yield the items of the lists in a JSON object, each with the name of its list.

    A list starts with its name and BEGIN. Responds 400 to malformed JSON, and 422 to other members.
    """
    text = JsonText(pieces)
    if text.peek() != "{":
        text.value()
        text.take("")
        invalid("json", {"_schema": ["Invalid input type."]})
    seen: set[str] = set()
    wrong: dict[str, list[str]] = {}
    while text.take(*("," if seen else "{")):
        if not seen and text.peek() == "}":
            break
        name = _member_name(text, seen)
        if name in names and text.peek() == "[":
            yield name, BEGIN
            yield from ((name, item) for item in _items(text))
        else:
            text.value(1)
            wrong[name] = ["Not a valid list."] if name in names else ["Unknown field."]
        if text.peek() == "}":
            break
    text.take("}")
    if text.peek():
        problem("malformed_json")
    if wrong:
        invalid("json", wrong)


def _member_name(text: JsonText, seen: set[str]) -> str:
    """Consume the name and the colon of the next member. Add the name to `seen`, and return it."""
    name = text.value()
    if not isinstance(name, str):
        problem("malformed_json")
    if name in seen:
        reject_duplicate(name)
    seen.add(name)
    if len(seen) > MAX_MEMBERS:
        problem("malformed_json", f"The object of the body has more than {MAX_MEMBERS} members.")
    text.take(":")
    return name


def _items(text: JsonText) -> Iterator[Any]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        yield text.value(ROWS_DEPTH)
        if text.take(",", "]") == "]":
            return
