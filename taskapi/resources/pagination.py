"""Keyset pages: a page starts after the last row of the page before, so that no row is skipped or repeated.

A cursor holds the position of that row. It is signed, and bound to its user, path, filters and sort order. Few reads
whose time depends on how many tasks a user has run at once: see `slow_read`.
"""

import hmac
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

import orjson
from marshmallow import Schema
from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select, tuple_

from taskapi.api import problem
from taskapi.api.fields import Text, Whole
from taskapi.api.openapi_examples import CURSOR
from taskapi.api.responses import service_url, to_json
from taskapi.context import current_request
from taskapi.database import ROWS, Id, JsonArray, JsonObject, PreparedJsonPage, PreparedStatement, reader
from taskapi.resources.models import ChangeCounter
from taskapi.security.jws import base64url_decode, base64url_encode
from taskapi.security.keys import current_key_set
from taskapi.security.rate_limit import Kind, slow_requests
from taskapi.security.tokens import caller

MAC_BYTES: Final = 16
POSITION: Final = "position "  # a prefix that no column has
FEW_TASKS: Final = 500  # up to which no read is slow, and SQLite indexes no words; the first revision has the trigger
BuildStatement = Callable[[bool], PreparedJsonPage]
_COUNT = PreparedStatement(
    select(ChangeCounter.tasks).where(ChangeCounter.owner_id == bindparam("owner_id", type_=Id()))
)


class PageSchema(Schema):
    """The query parameters of a list that select a page."""

    limit = Whole(1, 100, load_default=20, metadata={"description": "The maximum number of items.", "example": 20})
    cursor = Text(
        1, 2000, trim=False, metadata={"description": "The `next_cursor` of the previous page.", "example": CURSOR}
    )


class SortKey(NamedTuple):
    """A column to sort by, and the function that parses its value in a cursor."""

    column: Any
    parse: Callable[[Any], Any] = str
    descends: bool = False


def select_page(statement: Select[Any], keys: tuple[SortKey, ...], *, after: bool) -> PreparedJsonPage:
    """Return the statement of one page, sorted by `keys`. With `after`, it has a parameter `after0`, … for each key."""
    order = [key.column.desc() if key.descends else key.column.asc() for key in keys]
    position = [key.column.label(f"{POSITION}{i}") for i, key in enumerate(keys)]
    if after:
        statement = statement.where(_is_after(keys))
    page = statement.add_columns(*position).order_by(*order).limit(ROWS).subquery("page")
    return PreparedJsonPage(JsonObject(*page.c[: -len(keys)]), JsonArray(*page.c[-len(keys) :]))


def find_page(
    build_statement: BuildStatement, keys: tuple[SortKey, ...], query: dict[str, Any], **parameters: Any
) -> dict[str, Any]:
    """Return a page of the caller's rows and the cursor of the next page.

    `build_statement` returns the statement of a page, given `after` of `select_page`; `parameters` are its
    parameters. `query` is the query of the request. Responds 400 to a cursor of another query.
    """
    limit, cursor = query["limit"], query.get("cursor")
    filters = {name: value for name, value in query.items() if name not in {"limit", "cursor"}}
    parameters["owner_id"] = caller().id
    if cursor:
        values = zip(keys, decode_cursor(cursor, filters), strict=True)
        parameters |= {f"after{i}": key.parse(value) for i, (key, value) in enumerate(values)}
    page = build_statement(bool(cursor)).page(reader(), parameters, limit)
    next_cursor = encode_cursor(orjson.Fragment(page.last), filters) if page.more else None
    return {"items": page.items, "next_cursor": next_cursor}


def next_link(cursor: str | None) -> dict[str, str]:
    """Return the Link header (RFC 8288) of the next page; none for the last page.

    The URL is absolute, because some clients do not resolve a relative one. It is a path if the request has no valid
    Host.
    """
    if cursor is None:
        return {}
    request = current_request()
    query = _query_without_cursor(request.query_string)
    return {"Link": f'<{service_url()}{request.path}?{query}cursor={cursor}>; rel="next"'}


@lru_cache(maxsize=256)
def _query_without_cursor(query: bytes) -> str:
    parameters = [(name, value) for name, value in parse_qsl(query.decode(), keep_blank_values=True)]
    kept = [(name, value) for name, value in parameters if name != "cursor"]
    return f"{urlencode(kept)}&" if kept else ""


def encode_cursor(position: Any, filters: Any) -> str:
    """Return the cursor of the rows after `position`, a list, for the caller, the path of the request and `filters`."""
    data = to_json(position)
    return base64url_encode(_mac(current_key_set().secrets("cursor")[0], data, filters) + data)


def decode_cursor(cursor: str, filters: Any) -> list[Any]:
    """Return the position in a cursor. Responds 400 if it was made for another caller, path or `filters`."""
    try:
        signed = base64url_decode(cursor)
    except ValueError:
        problem("invalid_cursor")
    mac, data = signed[:MAC_BYTES], signed[MAC_BYTES:]
    if not any(hmac.compare_digest(mac, _mac(secret, data, filters)) for secret in current_key_set().secrets("cursor")):
        problem("invalid_cursor")
    position: list[Any] = orjson.loads(data)
    return position


def _mac(secret: bytes, data: bytes, filters: Any) -> bytes:
    bound = to_json([caller().id, current_request().path, filters])
    return hmac.digest(secret, len(bound).to_bytes(4, "big") + bound + data, "sha256")[:MAC_BYTES]


def _is_after(keys: tuple[SortKey, ...]) -> ColumnElement[bool]:
    """Return the condition that a row comes after the position in the parameters.

    If all keys have one direction, it compares row values: databases would read the whole index for an OR.
    """
    columns = [key.column for key in keys]
    values = [bindparam(f"after{i}", type_=column.type) for i, column in enumerate(columns)]
    if len({key.descends for key in keys}) == 1:
        row, position = tuple_(*columns), tuple_(*values)
        return row < position if keys[0].descends else row > position
    equal = [column == value for column, value in zip(columns, values, strict=True)]
    beyond = [
        key.column < value if key.descends else key.column > value for key, value in zip(keys, values, strict=True)
    ]
    first = columns[0] <= values[0] if keys[0].descends else columns[0] >= values[0]  # which the index can use
    return and_(first, or_(*(and_(*equal[:depth], beyond[depth]) for depth in range(len(keys)))))


def slow_read() -> AbstractContextManager[None]:
    """Return a block that may read all tasks of the caller. Entering it responds 503 if too many such blocks run.

    Users with few tasks always enter it, so that users with many cannot keep them out.
    """
    return slow_requests().hold(Kind.READ) if has_many_tasks() else nullcontext()


def has_many_tasks() -> bool:
    """Tell whether the caller has so many tasks that reading all of them takes long."""
    count: int = _COUNT.one(reader(), {"owner_id": caller().id})["tasks"]
    return count > FEW_TASKS
