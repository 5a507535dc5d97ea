"""Queries of tasks: lists with filters and sort orders, and the summary.

The statement of a list depends on the names of its parameters. It is built once for each set of names, then cached.
"""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, bindparam, column, exists, func, literal_column, or_, select, table

from taskapi.database import Id, PreparedJsonPage, PreparedStatement, db, now, reader
from taskapi.labels.models import Label
from taskapi.projects.models import Project
from taskapi.resources.models import name_key
from taskapi.resources.pagination import SortKey, find_page, has_many_tasks, select_page, slow_read
from taskapi.security.tokens import caller
from taskapi.tasks.days import NEVER, UTC_ZONE, day_of, end_of_day, instant_key, start_of_day
from taskapi.tasks.models import Status, Task, TaskLabel
from taskapi.tasks.schemas import NAMES
from taskapi.tasks.search import limited_search, words_of
from taskapi.users.service import timezone_of

SHOWN = tuple(getattr(Task, name).label(name) for name in NAMES)
COLUMNS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "created_at": (Task.created_at, datetime.fromisoformat),
    "updated_at": (Task.updated_at, datetime.fromisoformat),
    "due": (Task.due_first, datetime.fromisoformat),
    "-due": (Task.due_last, datetime.fromisoformat),
    "completed_at": (Task.completed_first, datetime.fromisoformat),
    "-completed_at": (Task.completed_last, datetime.fromisoformat),
    "priority": (Task.priority_rank, int),
    "title": (Task.title_key, str),
    "position": (Task.position, str),
}
_SEARCH = table("task_search", column("rowid"), column("task_search"))
_SEARCH_ROWS = table("task_search_rows", column("number"), column("owner_id"), column("task_id", Id()))
CHOICES = {"status": Task.status, "priority": Task.priority}
BORDERS = {
    "due_after", "due_before", "created_after", "created_before", "updated_after", "updated_before", "completed_after",
    "completed_before",
}  # fmt: skip
LABELS = ("label", "exclude_label")
OTHERWISE = {
    "limit",
    "cursor",
    "sort",
    "q",
    "without",
    *LABELS,
    *CHOICES,
}  # renamed in the statement
SHOWN_WHEN_ARCHIVED = {"archived", "deleted", "project_id", "parent_id"}  # filters that include archived projects


def is_open() -> ColumnElement[bool]:
    """Return the condition that a task is open: to do, or in progress."""
    return or_(Task.status == Status.TODO.value, Task.status == Status.IN_PROGRESS.value)


FILTERS: dict[str, ColumnElement[bool]] = {
    "project_id": Task.project_id == bindparam("project_id"),
    "parent_id": Task.parent_id == bindparam("parent_id"),
    "without project": Task.project_id.is_(None),
    "without parent": Task.parent_id.is_(None),
    "without labels": ~exists().where(
        TaskLabel.owner_id == bindparam("owner_id"),
        TaskLabel.task_id == Task.id,
        Label.owner_id == bindparam("owner_id"),
        Label.id == TaskLabel.label_id,
        Label.deleted_at.is_(None),
    ),
    "without due": Task.due_first == NEVER,
    "due_after": and_(Task.due_first >= bindparam("due_after"), Task.due_first < NEVER),
    "due_before": Task.due_first < bindparam("due_before"),
    "overdue": and_(is_open(), Task.due_first < bindparam("now")),
    "created_after": Task.created_at >= bindparam("created_after"),
    "created_before": Task.created_at < bindparam("created_before"),
    "updated_after": Task.updated_at >= bindparam("updated_after"),
    "updated_before": Task.updated_at < bindparam("updated_before"),
    "completed_after": and_(Task.completed_first >= bindparam("completed_after"), Task.completed_first < NEVER),
    "completed_before": Task.completed_first < bindparam("completed_before"),
}


def is_not_archived() -> ColumnElement[bool]:
    """Return the condition that a task is not in an archived project."""
    archived = select(Project.id).where(Project.owner_id == bindparam("owner_id"), Project.archived.is_(True))
    return or_(Task.project_id.is_(None), Task.project_id.not_in(archived))


def find_tasks(query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the caller's tasks and the cursor of the next page.

    The cursor is bound to the time zone if the page depends on it.
    """
    zone = timezone_of(caller().id, reader()) if needs_timezone(query) else UTC_ZONE
    parameters = parameters_of(query, zone)
    build = partial(_statement, frozenset(parameters), query["sort"])
    no_limit = nullcontext()
    is_search = "q" in query
    # No index has the order of several keys, or of the positions of all groups
    is_slow = is_search or len(query["sort"]) > 1 or (_is_by_position(query["sort"]) and not _is_one_level(query))
    with slow_read() if is_slow else no_limit, limited_search(caller().id) if is_search else no_limit:
        return find_page(build, _keys(query["sort"]), {**query, "zone": zone.key}, **parameters)


def _is_by_position(sort: tuple[str, ...]) -> bool:
    return sort[0].removeprefix("-") == "position"


def _is_one_level(query: dict[str, Any]) -> bool:
    return "parent_id" in query or "parent" in query.get("without", ())


_TODAY = and_(is_open(), Task.due_first.between(bindparam("now"), bindparam("day_end")))
_SUMMARY = PreparedStatement(
    select(
        *(func.count().filter(Task.status == status).label(status) for status in Status),
        func.count().filter(FILTERS["overdue"]).label("overdue"),
        func.count().filter(_TODAY).label("due_today"),
    ).where(Task.owner_id == bindparam("owner_id"), Task.deleted_at.is_(None), is_not_archived())
)


def summarize() -> dict[str, Any]:
    """Return the numbers of the caller's tasks."""
    moment, zone = now(), timezone_of(caller().id, reader())
    day_end = end_of_day(day_of(moment, zone), zone)
    with slow_read():
        counts = _SUMMARY.one(reader(), {"owner_id": caller().id, "now": moment, "day_end": day_end})
    return {"by_status": {status.value: counts.pop(status.value) for status in Status}, **counts}


def count_subtasks(task_ids: list[UUID]) -> list[dict[str, Any]]:
    """Return the counts of the caller's tasks that have subtasks."""
    done = func.count().filter(Task.status == Status.DONE.value)
    counts = (
        select(Task.parent_id, func.count(), done)
        .where(Task.owner_id == caller().id, Task.parent_id.in_(task_ids), Task.deleted_at.is_(None))
        .group_by(Task.parent_id)
        .order_by(Task.parent_id)
    )
    names = ("task_id", "total", "done")
    with slow_read():
        return [dict(zip(names, row, strict=True)) for row in reader().execute(counts)]


@lru_cache(maxsize=128)  # of 100 KB each
def _statement(names: frozenset[str], sort: tuple[str, ...], after: bool) -> PreparedJsonPage:
    return select_page(select(*SHOWN).where(*conditions(names)), _keys(sort), after=after)


@lru_cache
def _keys(sort: tuple[str, ...]) -> tuple[SortKey, ...]:
    """Return the sort keys of a list. Tasks that are equal in all of them are sorted by id."""
    keys = [SortKey(*(COLUMNS.get(key) or COLUMNS[key.removeprefix("-")]), key.startswith("-")) for key in sort]
    return (*keys, SortKey(Task.id, UUID, keys[-1].descends))


def conditions(names: frozenset[str]) -> list[ColumnElement[bool]]:
    """Return the conditions of a list with these parameters, which are those of `parameters_of`."""
    live = Task.deleted_at.is_not(None) if "deleted" in names else Task.deleted_at.is_(None)
    words = [name for name in sorted(names) if name.startswith("word ")]
    labels = [name for name in sorted(names) if name.startswith("label ")]
    excluded = [name for name in sorted(names) if name.startswith("exclude_label ")]
    return [
        Task.owner_id == bindparam("owner_id"),
        live,
        *([] if names & SHOWN_WHEN_ARCHIVED else [is_not_archived()]),
        *(FILTERS[name] for name in sorted(names) if name in FILTERS),
        *(_is_one_of(name, names) for name in CHOICES if f"{name} 0" in names),
        *(Task.words.like(bindparam(name), escape="\\") for name in words),
        *([_found_by_index()] if "phrases" in names else []),
        *(_has_label(name) for name in labels),
        *(~_has_label(name) for name in excluded),
    ]


def needs_timezone(query: dict[str, Any]) -> bool:
    """Return whether a list depends on the time zone: it compares days with instants, or it is sorted by due date."""
    days = any(not isinstance(query[name], datetime) for name in BORDERS & query.keys())
    return days or any(key.removeprefix("-") == "due" for key in query["sort"])


def parameters_of(query: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return the parameters of the statement of a list."""
    parameters = {name: value for name, value in query.items() if name not in OTHERWISE}
    for name in CHOICES:
        parameters |= {f"{name} {i}": value for i, value in enumerate(query.get(name, ()))}
    parameters |= {f"without {name}": True for name in query.get("without", ())}
    for name in BORDERS & query.keys():
        border = query[name]
        instant = border if isinstance(border, datetime) else start_of_day(border, zone)
        parameters[name] = instant_key(instant) if name.startswith(("due", "completed")) else instant
    if "overdue" in query:
        parameters["now"] = now()
    for name in LABELS:
        parameters |= {f"{name} {i}": name_key(label) for i, label in enumerate(query.get(name, ()))}
    return parameters | _words(words_of(query["q"])) if "q" in query else parameters


def _is_one_of(name: str, names: frozenset[str]) -> ColumnElement[bool]:
    values = sorted(parameter for parameter in names if parameter.startswith(f"{name} "))
    return CHOICES[name].in_([bindparam(parameter) for parameter in values])


def _has_label(name: str) -> ColumnElement[bool]:
    label = select(Label.id).where(
        Label.owner_id == bindparam("owner_id"), Label.name_key == bindparam(name), Label.deleted_at.is_(None)
    )
    return exists().where(
        TaskLabel.owner_id == bindparam("owner_id"),
        TaskLabel.task_id == Task.id,
        TaskLabel.label_id == label.scalar_subquery(),
    )


def _words(words: list[str]) -> dict[str, str]:
    """Return the parameters of a search: a LIKE pattern for each word, and the phrases for the index of SQLite.

    SQLite indexes only users with more than FEW_TASKS tasks, and only words of three characters or more. The index
    compares case by its own rules, so it only reduces the rows: LIKE decides, as on PostgreSQL. PostgreSQL has no such
    index, because row-level security checks its policies before LIKE.
    """
    long = [word for word in words if len(word) >= 3]
    indexed = bool(long) and db.engine.dialect.name == "sqlite" and has_many_tasks()
    phrases = {"phrases": " ".join(map(_quoted, long))} if indexed else {}
    return phrases | {f"word {i}": f"%{_plain(word)}%" for i, word in enumerate(words)}


def _found_by_index() -> ColumnElement[bool]:
    found = select(_SEARCH.c.rowid).where(_SEARCH.c.task_search.match(bindparam("phrases")))
    mine = literal_column("+task_search_rows.owner_id", Id())  # + avoids the index of owners
    rows = select(_SEARCH_ROWS.c.task_id).where(_SEARCH_ROWS.c.number.in_(found), mine == bindparam("owner_id"))
    return Task.id.in_(rows)


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _plain(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
