"""What a list of tasks can be asked for, as conditions and their parameters."""

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, column, exists, literal_column, or_, select, table

from taskapi.database import PreparedStatement, db, now, reader
from taskapi.labels.models import Label
from taskapi.projects.models import Project
from taskapi.resources.models import ChangeCounter, name_key
from taskapi.security.tokens import caller
from taskapi.tasks.days import NEVER, instant_key, start_of_day
from taskapi.tasks.models import Status, Task, TaskLabel
from taskapi.tasks.search import words_of

_SEARCH = table("task_search", column("rowid"), column("task_search"))
_SEARCH_ROWS = table("task_search_rows", column("number"), column("owner_id"), column("task_id", Uuid()))
_COUNT = PreparedStatement(select(ChangeCounter.tasks).where(ChangeCounter.owner_id == bindparam("owner_id")))
FEW_TASKS: Final = 500  # SQLite indexes the words of owners with more tasks; the first revision has the trigger
CHOICES = {"status": Task.status, "priority": Task.priority}
BORDERS = {
    "due_after", "due_before", "created_after", "created_before", "updated_after", "completed_after", "completed_before"
}  # fmt: skip
LABELS = ("label", "exclude_label")
OTHERWISE = {"limit", "cursor", "sort", "q", "without", *LABELS, *CHOICES}  # parameters of the query under other names
SHOWN_WHEN_ARCHIVED = {"archived", "deleted", "project_id", "parent_id"}  # filters that include archived projects


def is_open() -> ColumnElement[bool]:
    """Return the condition that a task is still to be done."""
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
    "completed_after": and_(Task.completed_first >= bindparam("completed_after"), Task.completed_first < NEVER),
    "completed_before": Task.completed_first < bindparam("completed_before"),
}


def is_not_archived() -> ColumnElement[bool]:
    """Return the condition that a task is in no archived project."""
    archived = select(Project.id).where(Project.owner_id == bindparam("owner_id"), Project.archived.is_(True))
    return or_(Task.project_id.is_(None), Task.project_id.not_in(archived))


def conditions(shape: frozenset[str]) -> list[ColumnElement[bool]]:
    """Return the conditions of a shape of question, whose parameters `parameters_of` gives."""
    live = Task.deleted_at.is_not(None) if "deleted" in shape else Task.deleted_at.is_(None)
    words = [name for name in sorted(shape) if name.startswith("word ")]
    labels = [name for name in sorted(shape) if name.startswith("label ")]
    excluded = [name for name in sorted(shape) if name.startswith("exclude_label ")]
    return [
        Task.owner_id == bindparam("owner_id"),
        live,
        *([] if shape & SHOWN_WHEN_ARCHIVED else [is_not_archived()]),
        *(FILTERS[name] for name in sorted(shape) if name in FILTERS),
        *(_is_one_of(name, shape) for name in CHOICES if f"{name} 0" in shape),
        *(Task.words.like(bindparam(name), escape="\\") for name in words),
        *([_found_by_index()] if "phrases" in shape else []),
        *(_has_label(name) for name in labels),
        *(~_has_label(name) for name in excluded),
    ]


def needs_timezone(question: dict[str, Any]) -> bool:
    """Tell whether the answer depends on the caller's time zone: it compares a day with instants, or sorts by due."""
    days = any(not isinstance(question[name], datetime) for name in BORDERS & question.keys())
    return days or any(key.removeprefix("-") == "due" for key in question["sort"])


def parameters_of(question: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return what was asked as parameters by name; the names are the shape of the question."""
    parameters = {name: value for name, value in question.items() if name not in OTHERWISE}
    for name in CHOICES:
        parameters |= {f"{name} {i}": value for i, value in enumerate(question.get(name, ()))}
    parameters |= {f"without {name}": True for name in question.get("without", ())}
    for name in BORDERS & question.keys():
        border = question[name]
        instant = border if isinstance(border, datetime) else start_of_day(border, zone)
        parameters[name] = instant_key(instant) if name.startswith(("due", "completed")) else instant
    if "overdue" in question:
        parameters["now"] = now()
    for name in LABELS:
        parameters |= {f"{name} {i}": name_key(label) for i, label in enumerate(question.get(name, ()))}
    return parameters | _words(words_of(question["q"])) if "q" in question else parameters


def _is_one_of(name: str, shape: frozenset[str]) -> ColumnElement[bool]:
    asked = sorted(parameter for parameter in shape if parameter.startswith(f"{name} "))
    return CHOICES[name].in_([bindparam(parameter) for parameter in asked])


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
    """Return the parameters that find words: a LIKE pattern for each, and where it pays a phrase for SQLite's index.

    The index holds the tasks of all users who have many tasks, and no words under three characters. It ignores case in
    ways of its own, so it only narrows the search down: LIKE decides, on every database alike. PostgreSQL has no such
    index, because row-level security checks its policies before LIKE.
    """
    long = [word for word in words if len(word) >= 3]
    indexed = bool(long) and db.engine.dialect.name == "sqlite" and _count_tasks() > FEW_TASKS
    phrases = {"phrases": " ".join(map(_quoted, long))} if indexed else {}
    return phrases | {f"word {i}": f"%{_plain(word)}%" for i, word in enumerate(words)}


def _found_by_index() -> ColumnElement[bool]:
    found = select(_SEARCH.c.rowid).where(_SEARCH.c.task_search.match(bindparam("phrases")))
    mine = literal_column("+task_search_rows.owner_id", Uuid())  # the plus: by number, not through all of the owner's
    rows = select(_SEARCH_ROWS.c.task_id).where(_SEARCH_ROWS.c.number.in_(found), mine == bindparam("owner_id"))
    return Task.id.in_(rows)


def _count_tasks() -> int:
    count: int = _COUNT.one(reader(), {"owner_id": caller().id})["tasks"]
    return count


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _plain(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
