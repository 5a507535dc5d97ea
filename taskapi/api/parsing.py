"""Parse requests: strict JSON, no unknown fields, no unknown query parameters. Responds 400, 413, 415 or 422."""

import json
import math
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, wraps
from sys import float_info
from typing import Any, Final, NoReturn
from urllib.parse import unquote_to_bytes

from flask import request
from marshmallow import RAISE, Schema, ValidationError, fields
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header

from taskapi.api.errors import invalid, problem, shorten
from taskapi.api.fields import Switch
from taskapi.config import settings
from taskapi.context import current_request

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
MAX_DEPTH: Final = 64
MAX_VALUES: Final = 10_000  # in a body, all levels together; a batch of 100 complete tasks has 5,000
MAX_MEMBERS: Final = 200  # of one object or array
MAX_DIGITS: Final = 400  # more than the largest double has; reading a number takes long otherwise
MAX_CACHED_QUERY_BYTES: Final = 200
CHUNK_BYTES: Final = 256 * 1024


class Parser:
    """The parser of `Blueprint.arguments`. flask-smorest would use webargs, which is less strict."""

    DEFAULT_VALIDATION_STATUS = 422

    def use_args(self, schema: Schema, *, location: str = "json", **options: Any) -> Callable[..., Any]:
        """Return a decorator that adds the loaded body or query to the arguments of the view."""
        read = _BodyReader(schema, **options) if location == "json" else _QueryReader(schema)

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return view(*args, read(), **kwargs)

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

    A parameter of a list type is repeated as `a=1&a=2` or `a[]=1&a[]=2`, in any order. An empty value of an optional
    parameter means that the parameter is absent, as forms send it; so does `false` for a `Switch`.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.repeatable = {name for name, field in schema.fields.items() if isinstance(field, fields.List)}
        self.absent_values = {
            name: {"", "false"} if isinstance(field, Switch) else {""}
            for name, field in schema.fields.items()
            if not field.required
        }
        self._load_cached = lru_cache(maxsize=1024)(self._load)

    def __call__(self) -> Any:
        query = current_request().query_string
        return dict(self._load_cached(query) if len(query) <= MAX_CACHED_QUERY_BYTES else self._load(query))

    def _load(self, _query: bytes) -> Any:
        """Return the values of the request's query. The cache holds valid queries only, by their exact bytes."""
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
        loaded = load(self.schema, plain, "query")
        return {name: sorted(value, key=str) if isinstance(value, list) else value for name, value in loaded.items()}


def load(schema: Schema, data: Any, place: str) -> Any:
    """Return `data` as loaded by the schema. Responds 422 with the messages of each field under `place`."""
    try:
        return schema.load(data, unknown=RAISE)
    except ValidationError as error:
        invalid(place, error.messages_dict)


def check_query(*, accepted: bool) -> None:
    """Respond 400 to a query that is not UTF-8, and 422 to any query unless it is `accepted` by the view."""
    request = current_request()
    query = request.query_string
    if not query:
        return
    try:
        query.decode()
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        problem("malformed_request", "The query is not UTF-8.")
    if request.args and not accepted:
        invalid("query", {name: ["Unknown field."] for name in request.args})


def require_type(media_types: tuple[str, ...]) -> None:
    """Respond 415 to a body of another type, in another charset than UTF-8, or with a Content-Encoding."""
    request = current_request()
    if not _matches_type(media_types, request.headers.get("Content-Type", "")) or request.content_encoding:
        problem("unsupported_media_type", f"The body must be {' or '.join(media_types)}, in UTF-8 and not encoded.")


@lru_cache(maxsize=256)
def _matches_type(media_types: tuple[str, ...], content_type: str) -> bool:
    media_type, parameters = parse_options_header(content_type)
    return media_type.lower() in media_types and parameters.get("charset", "utf-8").lower() in {"utf-8", "utf8"}


def read_json(media_types: tuple[str, ...] = (JSON,)) -> Any:
    """Return the parsed body. Responds 400, 413 or 415."""
    require_type(media_types)
    body = read_body()
    if _has_too_many_values(body):
        problem("malformed_json", f"The body has more than {MAX_VALUES:,} values.")
    with _malformed_json():
        parsed = _DECODER.decode(body.removeprefix(BOM_UTF8).decode())
    _check_size(parsed, body.count(b"{") + body.count(b"["), body.count(b","), MAX_DEPTH)
    return parsed


def read_value(text: str, start: int, depth: int = 0) -> tuple[Any, int]:
    """Return the JSON value at `start`, which is nested `depth` levels deep, and the index of its end.

    Responds 400 if it is malformed, or exceeds the limits of a body.
    """
    with _malformed_json():
        parsed, end = _DECODER.raw_decode(text, start)
    containers = text.count("{", start, end) + text.count("[", start, end)
    _check_size(parsed, containers, text.count(",", start, end), MAX_DEPTH - depth)
    return parsed, end


def has_body(environ: Mapping[str, Any]) -> bool:
    """Tell whether the client has announced a body."""
    return environ.get("CONTENT_LENGTH", "") not in {"", "0"} or "HTTP_TRANSFER_ENCODING" in environ


def read_body() -> bytes:
    """Return the body. Responds 413 if it is larger than the setting MAX_BODY_BYTES, and 400 if it is incomplete."""
    max_bytes = settings().max_body_bytes
    request = current_request()
    request.max_content_length = max_bytes + 1  # at this limit, Werkzeug truncates a chunked body without an error
    body = _receive() if (request.content_length or 0) <= max_bytes else b""
    if max(request.content_length or 0, len(body)) > max_bytes:
        problem("body_too_large")
    if request.content_length not in {None, len(body)}:
        problem("malformed_request", "The body is incomplete.")
    return body


def read_chunks(max_bytes: int) -> Iterator[bytes]:
    """Yield the body in chunks. Responds 413 or 400 as `read_body` does."""
    request = current_request()
    request.max_content_length = max_bytes + 1
    if (request.content_length or 0) > max_bytes:
        problem("body_too_large")
    size = 0
    while chunk := _receive(CHUNK_BYTES):
        size += len(chunk)
        if size > max_bytes:
            problem("body_too_large")
        yield chunk
    if request.content_length not in {None, size}:
        problem("malformed_request", "The body is incomplete.")


def _receive(size: int | None = None) -> bytes:
    try:
        return request.get_data() if size is None else request.stream.read(size)
    except HTTPException:
        raise
    except Exception:  # noqa: BLE001  each server has its own errors for a malformed chunk
        problem("malformed_request", "The body is incomplete, or its chunks are malformed.")


@contextmanager
def _malformed_json() -> Iterator[None]:
    try:
        yield
    except _DuplicateNameError as error:
        reject_duplicate(str(error))
    except (ValueError, RecursionError):
        problem("malformed_json")


class _DuplicateNameError(ValueError):
    """An object has two members of one name. Parsers disagree about which one counts (RFC 8259, section 4)."""


def reject_duplicate(name: str) -> NoReturn:
    """Respond 400 to an object that has two members named `name`."""
    problem("malformed_json", f"An object of the body has two members named {shorten(name)!r}.")


def _parse_object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(members)
    if len(parsed) < len(members):
        counted = Counter(name for name, _ in members)
        raise _DuplicateNameError(counted.most_common(1)[0][0])
    return parsed


def _parse_float(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError("out of range")
    return number


def _parse_int(literal: str) -> int:
    if len(literal) > MAX_DIGITS or abs(number := int(literal)) > float_info.max:
        raise ValueError("out of range")
    return number


def _reject_constant(literal: str) -> NoReturn:
    """Reject NaN, Infinity and -Infinity, which Python's decoder accepts."""
    raise ValueError(literal)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_parse_object, parse_constant=_reject_constant, parse_float=_parse_float, parse_int=_parse_int
)
# A string up to its closing quote, or to the end of the body. No quote is tried as a start twice, so it is linear
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)


def _has_too_many_values(body: bytes) -> bool:
    """Tell whether JSON has more than MAX_VALUES values, before it is parsed. It counts the commas outside strings.

    A value has at most two strings: its name and itself.
    """
    if body.count(b",") < MAX_VALUES:
        return False
    structure, strings = _STRINGS.subn(b"", body, count=2 * MAX_VALUES + 1)
    return strings > 2 * MAX_VALUES or structure.count(b",") >= MAX_VALUES


def _check_size(parsed: Any, containers: int, commas: int, max_depth: int) -> None:
    """Respond 400 if a value is nested deeper than `max_depth`, or has an object or array of more than MAX_MEMBERS.

    `containers` and `commas` are the numbers of brackets and commas in its text. Most values need no further check.
    """
    if containers > max_depth and _is_deeper(parsed, max_depth):
        problem("malformed_json", f"The body is nested deeper than {MAX_DEPTH} levels.")
    if commas >= MAX_MEMBERS and _is_wider(parsed, MAX_MEMBERS):
        problem("malformed_json", f"An object or array of the body has more than {MAX_MEMBERS} members.")


def _is_deeper(value: Any, limit: int) -> bool:
    """Tell whether `value` is nested deeper, without recursion."""
    containers = [value]
    for _ in range(limit):
        containers = [item for container in containers for item in _items(container) if isinstance(item, dict | list)]
    return bool(containers)


def _is_wider(value: Any, limit: int) -> bool:
    """Tell whether an object or array in `value` has more members, without recursion."""
    containers = [value] if isinstance(value, dict | list) else []
    while containers:
        container = containers.pop()
        if len(container) > limit:
            return True
        containers += [item for item in _items(container) if isinstance(item, dict | list)]
    return False


def _items(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
