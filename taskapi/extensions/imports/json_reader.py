"""Read a JSON file of tasks row by row, so that memory never holds all of it."""

import re
from collections.abc import Iterator
from io import TextIOWrapper
from typing import IO, Any, Final

from taskapi.api import invalid, problem
from taskapi.api.parsing import MAX_MEMBERS, read_value, reject_duplicate
from taskapi.extensions.imports.schemas import ROW_SCHEMAS
from taskapi.extensions.imports.upload import MAX_ROW_CHARACTERS

ROWS_DEPTH: Final = 2  # rows are in an array in an object
_BLANK = re.compile(r"[ \t\n\r]*")


class JsonText:
    """JSON text that is read while it is parsed. It reads ahead by the maximum length of a row."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = TextIOWrapper(file, "utf-8-sig", newline="")
        self._text, self._at, self._ended = "", 0, False

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
        if end - self._at > MAX_ROW_CHARACTERS:
            problem("malformed_json", f"A value has more than {MAX_ROW_CHARACTERS} characters.")
        self._at = end
        return value

    def each(self, begin: str, end: str) -> Iterator[None]:
        """Consume an array or object. Yields before each member, which the caller must consume."""
        self.take(begin)
        if self.peek() == end:
            self.take(end)
            return
        while True:
            yield
            if self.take(",", end) == end:
                return

    def _fill(self) -> None:
        while not self._ended and len(self._text) - self._at < MAX_ROW_CHARACTERS:
            try:
                more = self._file.read(MAX_ROW_CHARACTERS)
            except UnicodeDecodeError:
                problem("malformed_json", "The body is not UTF-8.")
            self._ended = not more
            self._text = self._text[self._at :] + more
            self._at = 0


def read_json(file: IO[bytes]) -> Iterator[tuple[str, int, Any]]:
    """Yield each row of the lists in a JSON object: the name of its list, its index in the list, and its value.

    Responds 400 to malformed JSON, and 422 to an object with other members or without tasks.
    """
    text = JsonText(file)
    if text.peek() != "{":
        text.value()
        text.take("")
        invalid("json", {"_schema": ["Invalid input type."]})
    seen: set[str] = set()
    wrong: dict[str, list[str]] = {}
    for _ in text.each("{", "}"):
        name = text.value()
        if not isinstance(name, str):
            problem("malformed_json")
        if name in seen:
            reject_duplicate(name)
        seen.add(name)
        if len(seen) > MAX_MEMBERS:
            problem("malformed_json", f"The object of the body has more than {MAX_MEMBERS} members.")
        text.take(":")
        if name in ROW_SCHEMAS and text.peek() == "[":
            for index, _ in enumerate(text.each("[", "]")):
                yield name, index, text.value(ROWS_DEPTH)
        else:
            text.value(1)
            wrong[name] = ["Not a valid list."] if name in ROW_SCHEMAS else ["Unknown field."]
    text.take("")
    if "tasks" not in seen:
        wrong["tasks"] = ["Missing data for required field."]
    if wrong:
        invalid("json", wrong)
