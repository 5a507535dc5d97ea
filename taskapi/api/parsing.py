"""Reading requests: strict JSON, no unknown field, no unknown query parameter; 400, 413, 415 and 422 told apart."""

import json
import math
import re
from codecs import BOM_UTF8
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from flask import Flask, current_app, request
from marshmallow import RAISE, Schema, ValidationError, fields
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header

from taskapi.api.errors import invalid, problem, shortened
from taskapi.api.fields import Switch
from taskapi.config import settings
from taskapi.context import current_request

MAX_DEPTH = 64
PIECE_BYTES = 256 * 1024
MAX_VALUES = 10_000  # in a body, all levels together; a batch of 100 whole tasks has 5,000
MAX_MEMBERS = 200  # of one object or array
MOST_REMEMBERED = 200  # bytes of a query
MAX_DIGITS = 400  # past what a double holds
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


class Parser:
    """What flask-smorest asks to parse arguments, in the place of webargs."""

    DEFAULT_VALIDATION_STATUS = 422

    def use_args(self, schema: Schema | type[Schema], *, location: str = "json", **options: Any) -> Callable[..., Any]:
        """Return a decorator that adds the loaded body or query to the view's arguments."""
        loaded = schema() if isinstance(schema, type) else schema
        read = _BodyReader(loaded, **options) if location == "json" else _QueryReader(loaded)

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return view(*args, read(), **kwargs)

            if location == "query":
                wrapper.takes_query = True  # type: ignore[attr-defined]
            return wrapper

        return decorate


class _BodyReader:
    def __init__(self, schema: Schema, *, media_types: tuple[str, ...] = (JSON,), optional: bool = False) -> None:
        self.schema = schema
        self.media_types = media_types
        self.optional = optional

    def __call__(self) -> Any:
        if self.optional and not read_body():
            return {}
        return load(self.schema, read_json(self.media_types), "json")


class _QueryReader:
    """Loads a query by a schema.

    A parameter of a list type is repeated as `a=1&a=2` or `a[]=1&a[]=2`. An empty value of an optional parameter means
    that the parameter is absent, as forms send it; so does `false` for a `Switch`.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.repeatable = {name for name, field in schema.fields.items() if isinstance(field, fields.List)}
        self.absent_values = {
            name: {"", "false"} if isinstance(field, Switch) else {""}
            for name, field in schema.fields.items()
            if not field.required
        }
        self._loaded = lru_cache(maxsize=1024)(self._load)

    def __call__(self) -> Any:
        query = current_request().query_string
        return dict(self._loaded(query) if len(query) <= MOST_REMEMBERED else self._load(query))

    def _load(self, _query: bytes) -> Any:
        """Return what the query of the request says. A query that was read once is remembered; what is wrong is not."""
        given: dict[str, list[str]] = {}
        for written, values in request.args.lists():
            name = written.removesuffix("[]")
            given.setdefault(name if name in self.repeatable else written, []).extend(values)
        for name, values in given.items():
            if len(values) > 1 and name not in self.repeatable and name in self.schema.fields:
                invalid("query", {name: ["Given more than once."]})
        present = {
            name: [value for value in values if value not in self.absent_values.get(name, ())]
            for name, values in given.items()
        }
        plain = {n: values if n in self.repeatable else values[0] for n, values in present.items() if values}
        return load(self.schema, plain, "query")


def load(schema: Schema, data: Any, place: str) -> Any:
    """Validate `data`, or answer 422 with each field's messages under `place`."""
    try:
        return schema.load(data, unknown=RAISE)
    except ValidationError as error:
        invalid(place, error.messages_dict)


def check_query() -> None:
    """Answer 400 to a query that is not UTF-8, and 422 to one that the view does not ask for by `takes_query`."""
    request = current_request()
    query = request.query_string
    if not query or request.endpoint is None or request.method == "OPTIONS":
        return
    try:
        query.decode()
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        problem("malformed_request", "The query is not UTF-8.")
    if request.args and not getattr(current_app.view_functions[request.endpoint], "takes_query", False):
        invalid("query", {name: ["Unknown field."] for name in request.args})


def init_parsing(app: Flask) -> None:
    """Refuse what no view asks for, on every route; the guard comes first."""
    app.before_request(check_query)


def require_type(media_types: tuple[str, ...]) -> None:
    """Answer 415 to a body of another type, to one that is not UTF-8, and to one that is encoded."""
    request = current_request()
    if not _is_of(media_types, request.headers.get("Content-Type", "")) or request.content_encoding:
        problem("unsupported_media_type", f"The body must be {' or '.join(media_types)}, in UTF-8 and not encoded.")


@lru_cache(maxsize=256)
def _is_of(media_types: tuple[str, ...], content_type: str) -> bool:
    media_type, parameters = parse_options_header(content_type)
    return media_type.lower() in media_types and parameters.get("charset", "utf-8").lower() in {"utf-8", "utf8"}


def read_json(media_types: tuple[str, ...] = (JSON,), most: int | None = None) -> Any:
    """Return the body, parsed; answers 413, 415 or 400 for one that cannot be.

    With `most` bytes of its own, the caller bounds the number of values itself, as a file of tasks does.
    """
    require_type(media_types)
    body = read_body(most)
    if most is None and _has_too_many_values(body):
        problem("malformed_json", f"The body has more than {MAX_VALUES} values.")
    with _malformed_json():
        parsed = _DECODER.decode(body.removeprefix(BOM_UTF8).decode())
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _deeper_than(parsed, MAX_DEPTH):
        problem("malformed_json", f"The body is nested deeper than {MAX_DEPTH} levels.")
    if most is None and body.count(b",") >= MAX_MEMBERS and _wider_than(parsed, MAX_MEMBERS):
        problem("malformed_json", f"An object or array of the body has more than {MAX_MEMBERS} members.")
    return parsed


@contextmanager
def _malformed_json() -> Iterator[None]:
    try:
        yield
    except _DuplicateNameError as error:
        refuse_duplicate(str(error))
    except (ValueError, RecursionError):
        problem("malformed_json")


def refuse_duplicate(name: str) -> NoReturn:
    """Respond 400 to an object that has two members of that name."""
    problem("malformed_json", f"An object of the body has two members named {shortened(name)!r}.")


def read_value(text: str, start: int, depth: int = 0) -> tuple[Any, int]:
    """Return the JSON value that begins at `start`, and where it ends. Responds 400 if there is none.

    It counts as nested `depth` levels deep, and is held to the limits of a whole body.
    """
    with _malformed_json():
        parsed, end = _DECODER.raw_decode(text, start)
    if text.count("{", start, end) + text.count("[", start, end) > MAX_DEPTH - depth and _deeper_than(
        parsed, MAX_DEPTH - depth
    ):
        problem("malformed_json", f"The body is nested deeper than {MAX_DEPTH} levels.")
    if text.count(",", start, end) >= MAX_MEMBERS and _wider_than(parsed, MAX_MEMBERS):
        problem("malformed_json", f"An object or array of the body has more than {MAX_MEMBERS} members.")
    return parsed, end


def read_body(most: int | None = None) -> bytes:
    """Return the body; answers 413 for one of more than `most` bytes, 400 for one that breaks off."""
    most = most or settings().max_body_bytes
    request = current_request()
    request.max_content_length = most + 1  # at its limit, Werkzeug cuts a chunked body off in silence
    body = _receive() if (request.content_length or 0) <= most else b""
    if max(request.content_length or 0, len(body)) > most:
        problem("body_too_large")
    if request.content_length not in {None, len(body)}:
        problem("malformed_request", "The body breaks off.")
    return body


def read_pieces(most: int) -> deque[bytes]:
    """Return the body in pieces, which can be dropped as they are used; responds 413 or 400 as `read_body` does."""
    request = current_request()
    request.max_content_length = most + 1
    if (request.content_length or 0) > most:
        problem("body_too_large")
    pieces: deque[bytes] = deque()
    size = 0
    while piece := _receive(PIECE_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            problem("body_too_large")
    if request.content_length not in {None, size}:
        problem("malformed_request", "The body breaks off.")
    return pieces


def _receive(most: int | None = None) -> bytes:
    try:
        return request.get_data() if most is None else request.stream.read(most)
    except HTTPException:
        raise
    except Exception:  # noqa: BLE001  each server has errors of its own for what is not chunked as it says
        problem("malformed_request", "The body breaks off, or is not chunked as it says.")


def _refuse(literal: str) -> NoReturn:
    raise ValueError(literal)


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError("out of range")
    return number


def _whole(literal: str) -> int:
    if len(literal) > MAX_DIGITS:
        raise ValueError("out of range")
    return int(literal)


class _DuplicateNameError(ValueError):
    """An object names a member twice; readers disagree about which one counts (RFC 8259, section 4)."""


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of an object by name. Raises _DuplicateNameError."""
    parsed = dict(members)
    if len(parsed) < len(members):
        counted = Counter(name for name, _ in members)
        raise _DuplicateNameError(counted.most_common(1)[0][0])
    return parsed


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse, parse_float=_finite, parse_int=_whole)


# A string to its closing quote, or to the end of the body: no quote is ever a second start, so the scan is linear
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)


def _has_too_many_values(body: bytes) -> bool:
    """Tell whether the JSON text has more than MAX_VALUES commas outside strings, before anything is built from it.

    Nor has it more than two strings to a value: its name and itself.
    """
    if body.count(b",") < MAX_VALUES:
        return False
    structure, strings = _STRINGS.subn(b"", body, count=2 * MAX_VALUES + 1)
    return strings > 2 * MAX_VALUES or structure.count(b",") >= MAX_VALUES


def _wider_than(value: Any, limit: int) -> bool:
    """Tell whether an object or array in `value` has more members, without recursion."""
    containers = [value] if isinstance(value, dict | list) else []
    while containers:
        container = containers.pop()
        if len(container) > limit:
            return True
        containers += [item for item in _items(container) if isinstance(item, dict | list)]
    return False


def _deeper_than(value: Any, limit: int) -> bool:
    """Tell whether `value` is nested deeper, without recursion."""
    containers = [value]
    for _ in range(limit):
        containers = [item for container in containers for item in _items(container) if isinstance(item, dict | list)]
    return bool(containers)


def _items(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
