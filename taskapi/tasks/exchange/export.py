"""Taking tasks out, a few at a time: however many there are, memory holds no more than these."""

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, select

from taskapi.api.encoding import to_json
from taskapi.database import reader, snapshot
from taskapi.projects.models import Project
from taskapi.security.tokens import caller
from taskapi.tasks.exchange.schemas import NAMES, Chunks
from taskapi.tasks.exchange.table import CSV, write_csv
from taskapi.tasks.exchange.vtodo import write_ics
from taskapi.tasks.models import Task

ROWS_AT_ONCE = 500

_project = (
    select(Project.name)
    .where(Project.owner_id == Task.owner_id, Project.id == Task.project_id)
    .correlate(Task)
    .scalar_subquery()
)
_SHOWN = [_project.label(name) if name == "project" else getattr(Task, name).label(name) for name in NAMES]


class Format(NamedTuple):
    """A form of file."""

    content_type: str
    write: Callable[[Chunks], Iterator[bytes]]


def count_tasks() -> int:
    """Return how many tasks the caller has, the trash left out."""
    return reader().execute(select(func.count()).select_from(Task).where(_live())).scalar_one()


def export(form: str) -> Generator[bytes]:
    """Yield the caller's tasks as a file of that form, the oldest first, the trash left out."""
    statement = select(*_SHOWN).where(_live()).order_by(Task.created_at, Task.id)
    with (
        snapshot() as connection,
        connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE}) as tasks,
    ):
        yield from FORMATS[form].write(tasks.partitions())


def _live() -> ColumnElement[bool]:
    return and_(Task.owner_id == caller().id, Task.deleted_at.is_(None))


def write_json(chunks: Chunks) -> Iterator[bytes]:
    """Yield one JSON document, a task on each line."""
    yield b'{"tasks":['
    comma = b""
    for rows in chunks:
        yield comma + b",".join(to_json(dict(row._mapping)) for row in rows)
        comma = b","
    yield b"]}\n"


FORMATS = {
    "json": Format("application/json", write_json),
    "csv": Format(f"{CSV}; charset=utf-8; header=present", write_csv),
    "ics": Format("text/calendar; charset=utf-8", write_ics),
}
