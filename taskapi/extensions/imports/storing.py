"""Add the tasks of a file, in one transaction."""

import pickle
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import insert, select
from uuid_utils.compat import uuid7

from taskapi.api import problem
from taskapi.database import db, writer
from taskapi.extensions.imports.task_file import TaskFile, Values
from taskapi.labels.models import Label
from taskapi.projects.models import Project
from taskapi.resources.ownership import is_owned, lock_owner, reserve_quota, save
from taskapi.security.tokens import caller
from taskapi.tasks.edit import insert_tasks
from taskapi.tasks.models import Task, TaskLabel, due_keys
from taskapi.users.service import timezone_of

ROWS_AT_ONCE: Final = 500
BYTES_AT_ONCE: Final = 1024 * 1024  # of pickled rows


class NamedRow(NamedTuple):
    """A project or a label."""

    id: UUID
    name: str


RowsByKey = dict[str, NamedRow]


def add_file(file: TaskFile) -> dict[str, int]:
    """Add the tasks of a file with their projects and labels, and return how many of each are new.

    Existing projects and labels of the caller stay as they are. Responds 409 if an archived project would get a task.
    """
    lock_owner(caller().id, 0)
    _refuse_archived({task.project for task in file.tasks})
    projects, new_projects = _find_or_create(Project, file.projects)
    labels, new_labels = _find_or_create(Label, file.labels)
    if file.tasks:
        _insert(file, projects, labels)
    return {"created": len(file.tasks), "projects": new_projects, "labels": new_labels}


def _refuse_archived(wanted: set[str | None]) -> None:
    live = select(Project.name_key, Project.name).where(is_owned(Project), Project.deleted_at.is_(None))
    for key, name in db.session.execute(live.where(Project.archived.is_(True))):
        if key in wanted:
            problem("project_archived", f"The project {name!r} is archived.")


def _find_or_create(model: type[Project | Label], wanted: dict[str, Values]) -> tuple[RowsByKey, int]:
    """Return the caller's rows by the keys of their names, and the number of rows that were created."""
    live = select(model.name_key, model.id, model.name).where(is_owned(model), model.deleted_at.is_(None))
    found: RowsByKey = {}
    if wanted:
        found = {key: NamedRow(row_id, name) for key, row_id, name in db.session.execute(live)}
    new = {key: values for key, values in wanted.items() if key not in found}
    if new:
        reserve_quota(model, len(new))
    rows = [model(id=uuid7(), owner_id=caller().id) for _ in new]
    for row, values in zip(rows, new.values(), strict=True):
        row.apply(values)
    save(*rows)
    return found | {row.name_key: NamedRow(row.id, row.name) for row in rows}, len(rows)


def _insert(file: TaskFile, projects: RowsByKey, labels: RowsByKey) -> None:
    """Insert the tasks with new ids and versions; the ids are in the order of the file."""
    owner_id, ids = caller().id, sorted(uuid7() for _ in file.tasks)
    version = reserve_quota(Task, len(ids)) - len(ids)
    zone = timezone_of(owner_id, writer())
    for chunk in _chunks(file):
        _discard_plans()
        rows, labelled = list[Values](), list[Values]()
        for index, *above in chunk:
            row, keys = pickle.loads(zlib.decompress(file.tasks[index].packed))  # noqa: S301 - pickled by this process, a moment ago
            version += 1
            project = file.tasks[above[-1] if above else index].project  # that of the tree
            row |= due_keys(row["due_date"], row["due_at"], zone)
            row |= {"id": ids[index], "position": ids[index].hex, "owner_id": owner_id, "version": version}
            row["parent_id"] = ids[above[0]] if above else None
            row["project_id"] = projects[project].id if project else None
            row["labels"] = [labels[key].name for key in sorted(keys)]
            rows.append(row)
            labelled += [{"owner_id": owner_id, "task_id": ids[index], "label_id": labels[key].id} for key in keys]
        insert_tasks(rows)
        if labelled:
            db.session.execute(insert(TaskLabel), labelled)


def _discard_plans() -> None:
    """Let PostgreSQL plan its checks of foreign keys again, for the tables as they are now.

    A connection keeps the plan of a check. If the tables were nearly empty then, each check may read all tasks of the
    owner. Only ANALYZE replaces such a plan, and it does not see the rows of this transaction.
    """
    if writer().dialect.name == "postgresql":
        writer().exec_driver_sql("DISCARD PLANS")


def _chunks(file: TaskFile) -> Iterator[list[list[int]]]:
    """Yield the chains of a few tasks at a time, parents first. A row takes ten times the memory of a pickled row."""
    chunk: list[list[int]] = []
    size = 0
    for chain in sorted(file.chains, key=len):
        chunk.append(chain)
        size += file.sizes[chain[0]]
        if len(chunk) >= ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
