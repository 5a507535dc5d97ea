"""The caller's tasks, or those of one project, as a file, streamed. Only one chunk of rows is in memory at a time."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select, true

from taskapi.api import invalid
from taskapi.api.responses import to_json
from taskapi.database import OWNER, reader, snapshot
from taskapi.extensions.exports.csv_file import write_csv
from taskapi.extensions.exports.icalendar import todo_of, write_ics
from taskapi.extensions.exports.schemas import LABEL_FIELDS, PROJECT_FIELDS, TASK_FIELDS
from taskapi.labels.models import Label
from taskapi.projects.models import Project
from taskapi.security.tokens import caller
from taskapi.tasks.models import Task, TaskLabel
from taskapi.users.service import timezone_of

ROWS_AT_ONCE = 500

_project = (
    select(Project.name)
    .where(Project.owner_id == OWNER, Project.id == Task.project_id)
    .correlate(Task)
    .scalar_subquery()
)
_SHOWN = [_project.label(name) if name == "project" else getattr(Task, name).label(name) for name in TASK_FIELDS]


class Format(NamedTuple):
    """A file format: its content type, and the function that writes the tasks, of a project if its id is given."""

    content_type: str
    write: Callable[[Connection, UUID | None], Iterator[bytes]]


def refuse_unknown_project(project_id: UUID) -> None:
    """Respond 422 if the caller has no such project outside the trash."""
    if reader().execute(select(Project.id).where(_live(Project), Project.id == project_id)).first() is None:
        invalid("query", {"project_id": ["There is no such project."]})


def count_tasks(project_id: UUID | None) -> int:
    """Return the number of the caller's tasks, without the trash."""
    count = select(func.count()).select_from(Task).where(_live(Task), _is_in(project_id))
    return reader().execute(count).scalar_one()


def export(file_format: str, project_id: UUID | None) -> Generator[bytes]:
    """Yield the caller's tasks as a file in the format `file_format`, without the trash."""
    with snapshot() as connection:
        yield from FORMATS[file_format].write(connection, project_id)


def _live(model: type[Task | Project | Label]) -> ColumnElement[bool]:
    return and_(model.owner_id == caller().id, model.deleted_at.is_(None))


def _is_in(project_id: UUID | None) -> ColumnElement[bool]:
    """Return the condition that a task is in a project; without an id, each task is."""
    return Task.project_id == project_id if project_id else true()


def select_tasks(owner_id: UUID, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Select the tasks of a user in their manual order, subtasks last. An import keeps the order of the file."""
    live = and_(Task.owner_id == owner_id, Task.deleted_at.is_(None), *conditions)
    return select(*_SHOWN).where(live).order_by(Task.parent_id.is_not(None), Task.position, Task.id)


def _named(model: type[Project | Label], fields: tuple[str, ...], *conditions: ColumnElement[bool]) -> Select[Any]:
    columns = (getattr(model, field) for field in fields)
    return select(*columns).where(_live(model), *conditions).order_by(model.name_key)


def _is_label_in(project_id: UUID) -> ColumnElement[bool]:
    """Return the condition that a task of a project has a label."""
    labels = select(TaskLabel.label_id).where(
        TaskLabel.owner_id == caller().id, TaskLabel.task_id == Task.id, _live(Task), _is_in(project_id)
    )
    return Label.id.in_(labels)


def read_chunks(connection: Connection, statement: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    """Yield the rows of a statement, ROWS_AT_ONCE at a time."""
    with connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE}) as rows:
        yield from rows.partitions()


def _own_tasks(connection: Connection, project_id: UUID | None) -> Iterator[Sequence[Row[Any]]]:
    return read_chunks(connection, select_tasks(caller().id, _is_in(project_id)))


def _write_csv(connection: Connection, project_id: UUID | None) -> Iterator[bytes]:
    return write_csv(_own_tasks(connection, project_id))


def _write_json(connection: Connection, project_id: UUID | None) -> Iterator[bytes]:
    """Yield one JSON document with one row per line."""
    parts = {
        "projects": _named(Project, PROJECT_FIELDS, *([Project.id == project_id] if project_id else [])),
        "labels": _named(Label, LABEL_FIELDS, *([_is_label_in(project_id)] if project_id else [])),
        "tasks": select_tasks(caller().id, _is_in(project_id)),
    }
    start = b"{"
    for name, statement in parts.items():
        yield start + to_json(name).strip() + b":["
        yield from _json_rows(read_chunks(connection, statement))
        start = b"],"
    yield b"]}\n"


def _json_rows(chunks: Iterable[Sequence[Row[Any]]]) -> Iterator[bytes]:
    comma = b""
    for rows in chunks:
        yield comma + b",".join(to_json(dict(row._mapping)) for row in rows)
        comma = b","


def _write_ics(connection: Connection, project_id: UUID | None) -> Iterator[bytes]:
    return write_ics(_own_tasks(connection, project_id), timezone_of(caller().id, reader()), todo_of)


FORMATS = {
    "json": Format("application/json", _write_json),
    "csv": Format("text/csv; charset=utf-8; header=present", _write_csv),
    "ics": Format("text/calendar; charset=utf-8", _write_ics),
}
