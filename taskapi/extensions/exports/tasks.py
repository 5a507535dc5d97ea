"""The caller's tasks as a file, streamed. Only one chunk of rows is in memory at a time."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select

from taskapi.api.responses import to_json
from taskapi.database import OWNER, reader, snapshot
from taskapi.extensions.exports.csv_file import write_csv
from taskapi.extensions.exports.icalendar import write_ics
from taskapi.extensions.exports.schemas import LABEL_FIELDS, PROJECT_FIELDS, TASK_FIELDS
from taskapi.labels.models import Label
from taskapi.projects.models import Project
from taskapi.security.tokens import caller
from taskapi.tasks.models import Task
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
    """A file format: its content type, and the function that writes the tasks."""

    content_type: str
    write: Callable[[Connection], Iterator[bytes]]


def count_tasks() -> int:
    """Return the number of the caller's tasks, without the trash."""
    return reader().execute(select(func.count()).select_from(Task).where(_live(Task))).scalar_one()


def export(file_format: str) -> Generator[bytes]:
    """Yield the caller's tasks as a file in the format `file_format`, without the trash."""
    with snapshot() as connection:
        yield from FORMATS[file_format].write(connection)


def _live(model: type[Task | Project | Label]) -> ColumnElement[bool]:
    return and_(model.owner_id == caller().id, model.deleted_at.is_(None))


def select_tasks(owner_id: UUID, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Select the tasks of a user in their manual order, subtasks last. An import keeps the order of the file."""
    live = and_(Task.owner_id == owner_id, Task.deleted_at.is_(None), *conditions)
    return select(*_SHOWN).where(live).order_by(Task.parent_id.is_not(None), Task.position, Task.id)


def _named(model: type[Project | Label], fields: tuple[str, ...]) -> Select[Any]:
    columns = (getattr(model, field) for field in fields)
    return select(*columns).where(_live(model)).order_by(model.name_key)


def read_chunks(connection: Connection, statement: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    """Yield the rows of a statement, ROWS_AT_ONCE at a time."""
    with connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE}) as rows:
        yield from rows.partitions()


def _own_tasks(connection: Connection) -> Iterator[Sequence[Row[Any]]]:
    return read_chunks(connection, select_tasks(caller().id))


def _write_json(connection: Connection) -> Iterator[bytes]:
    """Yield one JSON document with one row per line."""
    parts = {
        "projects": _named(Project, PROJECT_FIELDS),
        "labels": _named(Label, LABEL_FIELDS),
        "tasks": select_tasks(caller().id),
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


def _write_ics(connection: Connection) -> Iterator[bytes]:
    return write_ics(_own_tasks(connection), timezone_of(caller().id, reader()))


FORMATS = {
    "json": Format("application/json", _write_json),
    "csv": Format("text/csv; charset=utf-8; header=present", lambda connection: write_csv(_own_tasks(connection))),
    "ics": Format("text/calendar; charset=utf-8", _write_ics),
}
