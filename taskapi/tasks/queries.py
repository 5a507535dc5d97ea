"""Lists of tasks: filters, sorts and keyset pages. A statement is built once for each shape of question, then kept."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from taskapi.database import JsonRow, PreparedJsonPage, PreparedJsonRow, reader
from taskapi.resources.pagination import SortKey, find_page, parse_instant, select_page
from taskapi.security.tokens import caller
from taskapi.tasks.days import UTC_ZONE
from taskapi.tasks.filters import conditions, needs_timezone, parameters_of
from taskapi.tasks.models import Task
from taskapi.tasks.schemas import NAMES
from taskapi.tasks.search import limited_search
from taskapi.users.service import timezone_of

SHOWN = tuple(getattr(Task, name).label(name) for name in NAMES)
COLUMNS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "created_at": (Task.created_at, parse_instant),
    "updated_at": (Task.updated_at, parse_instant),
    "due": (Task.due_first, parse_instant),
    "-due": (Task.due_last, parse_instant),
    "completed_at": (Task.completed_first, parse_instant),
    "-completed_at": (Task.completed_last, parse_instant),
    "priority": (Task.priority_rank, int),
    "title": (Task.title_key, str),
}
_ONE = PreparedJsonRow(select(*SHOWN).where(Task.owner_id == bindparam("owner_id"), Task.id == bindparam("id")))


def find_task(task_id: UUID) -> JsonRow | None:
    """Return one of the caller's tasks as it is shown, or None."""
    return _ONE.first(reader(), {"owner_id": caller().id, "id": task_id})


def find_tasks(query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the caller's tasks, and the cursor of the next.

    A cursor is bound to the time zone, where the page depends on it.
    """
    zone = timezone_of(caller().id, reader()) if needs_timezone(query) else UTC_ZONE
    parameters = parameters_of(query, zone)
    build = partial(_statement, frozenset(parameters), query["sort"])
    with limited_search(caller().id) if "q" in query else nullcontext():
        return find_page(build, _keys(query["sort"]), {**query, "zone": zone.key}, **parameters)


@lru_cache(maxsize=1024)
def _statement(shape: frozenset[str], sort: tuple[str, ...], after: bool, rows: int) -> PreparedJsonPage:
    return select_page(select(*SHOWN).where(*conditions(shape)), _keys(sort), after=after, rows=rows)


@lru_cache
def _keys(sort: tuple[str, ...]) -> tuple[SortKey, ...]:
    """Return what to sort by; the id decides between equals."""
    keys = [SortKey(*(COLUMNS.get(key) or COLUMNS[key.removeprefix("-")]), key.startswith("-")) for key in sort]
    return (*keys, SortKey(Task.id, UUID, keys[-1].descends))
