"""Lists of tasks: filters, sorts and keyset pages. A statement is built once for each shape of question, then kept."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select, tuple_

from taskapi.accounts.models import User
from taskapi.database import now, reader
from taskapi.security.cursor import seal, unseal
from taskapi.security.tokens import caller
from taskapi.tasks.models import NEVER, Status, Task, fold
from taskapi.tasks.schemas import TASK

NAMES = tuple(TASK.dump_fields)
SHOWN = tuple(getattr(Task, name) for name in NAMES)
OPEN = (Status.TODO, Status.IN_PROGRESS)
MINE = Task.owner_id == bindparam("owner_id")

FILTERS: dict[str, ColumnElement[bool]] = {
    "status": Task.status.in_(bindparam("status", expanding=True)),
    "priority": Task.priority.in_(bindparam("priority", expanding=True)),
    "due_after": and_(Task.due_first >= bindparam("due_after"), Task.due_first < NEVER),
    "due_before": Task.due_first < bindparam("due_before"),
    "overdue": and_(
        Task.status.in_(OPEN),
        Task.due_first < bindparam("latest"),
        or_(Task.due_at < bindparam("now"), Task.due_date < bindparam("today")),
    ),
    "created_after": Task.created_at >= bindparam("created_after"),
    "created_before": Task.created_at < bindparam("created_before"),
    "updated_after": Task.updated_at >= bindparam("updated_after"),
    "completed_after": Task.completed_at >= bindparam("completed_after"),
    "completed_before": Task.completed_at < bindparam("completed_before"),
}


class SortKey(NamedTuple):
    """A column to sort by, the way back from JSON to its values, and whether it descends."""

    column: Any
    parse: Callable[[Any], Any]
    descends: bool


COLUMNS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "created_at": (Task.created_at, datetime.fromisoformat),
    "updated_at": (Task.updated_at, datetime.fromisoformat),
    "due": (Task.due_first, datetime.fromisoformat),
    "-due": (Task.due_last, datetime.fromisoformat),
    "priority": (Task.priority_rank, int),
    "title": (Task.title_key, str),
}
_ONE = select(*SHOWN).where(MINE, Task.id == bindparam("id"))


def find_task(task_id: Any) -> Any:
    """Return the columns of one of the caller's tasks, or None."""
    return reader().execute(_ONE, {"owner_id": caller().id, "id": task_id}).first()


def find_page(query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the caller's tasks, and the cursor of the next."""
    limit, cursor = query["limit"], query.get("cursor")
    question = {name: value for name, value in query.items() if name not in {"limit", "cursor"}}
    keys = _keys(query["sort"])
    parameters = {"owner_id": caller().id, "rows": limit + 1, **_parameters(question)}
    if cursor:
        parameters |= _position(keys, unseal(cursor, question))
    statement = _statement(frozenset(question), query["sort"], len(parameters.get("words", ())), bool(cursor))
    words = parameters.pop("words", ())
    rows = reader().execute(statement, parameters | {f"word{i}": word for i, word in enumerate(words)}).all()
    more = len(rows) > limit
    items = [dict(zip(NAMES, row, strict=False)) for row in rows[:limit]]
    return {
        "items": items,
        "next_cursor": seal(list(rows[limit - 1][len(NAMES) :]), question) if more else None,
    }


@lru_cache(maxsize=1024)
def _statement(names: frozenset[str], sort: tuple[str, ...], words: int, behind: bool) -> Select[Any]:
    keys = _keys(sort)
    conditions = [MINE, Task.deleted_at.is_not(None) if "deleted" in names else Task.deleted_at.is_(None)]
    conditions += [FILTERS[name] for name in sorted(names) if name in FILTERS]
    conditions += [Task.words.like(bindparam(f"word{i}"), escape="\\") for i in range(words)]
    if behind:
        conditions.append(_behind(keys))
    order = [key.column.desc() if key.descends else key.column.asc() for key in keys]
    labelled = [key.column.label(f"key{i}") for i, key in enumerate(keys)]
    return select(*SHOWN, *labelled).where(*conditions).order_by(*order).limit(bindparam("rows"))


def _keys(sort: tuple[str, ...]) -> list[SortKey]:
    """Return what to sort by; the id decides between equals."""
    keys = [SortKey(*(COLUMNS.get(key) or COLUMNS[key.removeprefix("-")]), key.startswith("-")) for key in sort]
    return [*keys, SortKey(Task.id, UUID, keys[-1].descends)]


def _behind(keys: list[SortKey]) -> ColumnElement[bool]:
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


def _position(keys: list[SortKey], values: list[Any]) -> dict[str, Any]:
    return {f"after{i}": key.parse(value) for i, (key, value) in enumerate(zip(keys, values, strict=True))}


def _parameters(question: dict[str, Any]) -> dict[str, Any]:
    parameters = dict(question)
    for name in ("due_after", "due_before"):
        if type(parameters.get(name)) is date:
            parameters[name] = datetime.combine(parameters[name], time(), UTC)
    if "overdue" in question:
        moment = now()
        today = moment.astimezone(ZoneInfo(_timezone())).date()
        parameters |= {
            "now": moment,
            "today": today,
            "latest": max(moment, datetime.combine(today, time(), UTC)),
        }
    if "q" in question:
        parameters["words"] = [f"%{_plain(word)}%" for word in fold(question["q"]).split()]
    return {name: value for name, value in parameters.items() if name not in {"sort", "overdue", "deleted", "q"}}


def _plain(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _timezone() -> str:
    zone: str = reader().execute(select(User.timezone).where(User.id == caller().id)).scalar_one()
    return zone
