"""Keyset pages of the caller's rows, so that none is skipped or repeated, and the last is as near as the first."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Select, and_, bindparam, literal_column, or_, tuple_

from taskapi.database import JsonArray, JsonObject, PreparedJsonPage, reader
from taskapi.security.cursor import seal, unseal
from taskapi.security.tokens import caller


class SortKey(NamedTuple):
    """A column to sort by, the way back from JSON to its values, and whether it descends."""

    column: Any
    parse: Callable[[Any], Any] = str
    descends: bool = False


POSITION = "position "
Build = Callable[[bool, int], PreparedJsonPage]


def instant(text: str) -> datetime:
    """Return an instant as it stands in a position: in UTC, whether that is said or not."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def in_pages(statement: Select[Any], keys: tuple[SortKey, ...], *, behind: bool, rows: int) -> PreparedJsonPage:
    """Order a statement by its keys and cut a page from it; `behind` a position, if it is not the first one."""
    order = [key.column.desc() if key.descends else key.column.asc() for key in keys]
    labelled = [key.column.label(f"{POSITION}{i}") for i, key in enumerate(keys)]
    if behind:
        statement = statement.where(_behind(keys))
    page = statement.add_columns(*labelled).order_by(*order).limit(literal_column(str(rows))).subquery("page")
    shown, position = page.c[: -len(keys)], page.c[-len(keys) :]
    return PreparedJsonPage(JsonObject(*shown), JsonArray(*position))


def find_page(build: Build, keys: tuple[SortKey, ...], query: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    """Return a page and the cursor of the next. `build` tells the statement: whether behind a position, how many rows.

    `query` is what was asked, `limit` and `cursor` included; `parameters` are the statement's.
    """
    limit, cursor = query["limit"], query.get("cursor")
    question = {name: value for name, value in query.items() if name not in {"limit", "cursor"}}
    parameters["owner_id"] = caller().id
    if cursor:
        parameters |= _position(keys, unseal(cursor, question))
    page = build(bool(cursor), limit + 1).page(reader(), parameters, limit)
    return {"items": page.items, "next_cursor": seal(orjson.Fragment(page.last), question) if page.more else None}


def _behind(keys: tuple[SortKey, ...]) -> ColumnElement[bool]:
    """Return the condition of lying behind a position.

    One row value where all keys go the same way: the OR form reads the index from its start.
    """
    columns = [key.column for key in keys]
    binds = [bindparam(f"after{i}", type_=column.type) for i, column in enumerate(columns)]
    if len({key.descends for key in keys}) == 1:
        here, there = tuple_(*columns), tuple_(*binds)
        return here < there if keys[0].descends else here > there
    beyond = [_past(key.column, bind, key.descends) for key, bind in zip(keys, binds, strict=True)]
    equal = [column == bind for column, bind in zip(columns, binds, strict=True)]
    first = columns[0] <= binds[0] if keys[0].descends else columns[0] >= binds[0]
    return and_(first, or_(*(and_(*equal[:depth], beyond[depth]) for depth in range(len(keys)))))


def _past(column: Any, bind: Any, descends: bool) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = column < bind if descends else column > bind
    return condition


def _position(keys: tuple[SortKey, ...], values: list[Any]) -> dict[str, Any]:
    return {f"after{i}": key.parse(value) for i, (key, value) in enumerate(zip(keys, values, strict=True))}
