"""Add the tasks of a file, in one transaction."""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, select
from uuid_utils.compat import uuid7

from taskapi.api import problem
from taskapi.database import db, writer
from taskapi.extensions.transfer.reading import File, Values, in_tree_order
from taskapi.labels.models import Label
from taskapi.projects.models import Project
from taskapi.resources.ownership import is_owned, reserve_quota
from taskapi.resources.versions import lock_owner, save
from taskapi.security.tokens import caller
from taskapi.tasks.days import due_keys
from taskapi.tasks.edit import insert_tasks
from taskapi.tasks.models import Task, TaskLabel
from taskapi.users.service import timezone_of

ROWS_AT_ONCE: Final = 500
BYTES_AT_ONCE: Final = 1024 * 1024  # of packed rows
Ids = dict[str, UUID]  # of projects or labels, by the keys of their names


def add_file(file: File) -> dict[str, int]:
    """Add the tasks of a file with their projects and labels, and return how many of each are new.

    Existing projects and labels of the caller stay as they are. Responds 409 if an archived project would get a task.
    """
    lock_owner(caller().id, 0)
    order = in_tree_order(file.tasks)
    _refuse_archived({project for _, _, project in order if project})
    projects, new_projects = _find_or_create(Project, file.projects)
    labels, new_labels = _find_or_create(Label, file.labels)
    if order:
        _insert(file, order, projects, labels)
    return {"created": len(order), "projects": new_projects, "labels": new_labels}


def _refuse_archived(wanted: set[str]) -> None:
    archived = select(Project.name_key, Project.name).where(
        is_owned(Project), Project.deleted_at.is_(None), Project.archived.is_(True)
    )
    for key, name in db.session.execute(archived) if wanted else ():
        if key in wanted:
            problem("project_archived", f"The project {name!r} is archived.")


def _find_or_create(model: type[Project | Label], wanted: dict[str, Values]) -> tuple[Ids, int]:
    """Return the ids of the caller's rows with these names, and the number of rows that were created."""
    live = select(model.name_key, model.id).where(is_owned(model), model.deleted_at.is_(None))
    ids: Ids = dict(db.session.execute(live).all()) if wanted else {}
    new = {key: values for key, values in wanted.items() if key not in ids}
    if new:
        reserve_quota(model, len(new))
    rows = []
    for values in new.values():
        row = model(id=uuid7(), owner_id=caller().id)
        row.apply({name: value for name, value in values.items() if name != "given"})
        rows.append(row)
    save(*rows)
    return ids | {row.name_key: row.id for row in rows}, len(rows)


def _insert(file: File, order: list[tuple[int, int | None, str | None]], projects: Ids, labels: Ids) -> None:
    """Insert the tasks with new ids and versions; the ids are in the order of the file."""
    owner_id, ids = caller().id, sorted(uuid7() for _ in order)
    version = reserve_quota(Task, len(order)) - len(order)
    zone = timezone_of(owner_id, writer())
    for chunk in _chunks(file, order):
        rows: list[Values] = []
        labelled: list[dict[str, Any]] = []
        for index, parent, project in chunk:
            row, names = file.tasks[index].unpack()
            version += 1
            fixed = {"id": ids[index], "owner_id": owner_id, "version": version}
            fixed |= due_keys(row["due_date"], row["due_at"], zone)
            parent_id = None if parent is None else ids[parent]
            rows.append({**row, **fixed, "parent_id": parent_id, "project_id": projects[project] if project else None})
            labelled += [{"owner_id": owner_id, "task_id": ids[index], "label_id": labels[name]} for name in names]
        insert_tasks(rows)
        if labelled:
            db.session.execute(insert(TaskLabel), labelled)


def _chunks(
    file: File, order: list[tuple[int, int | None, str | None]]
) -> Iterator[list[tuple[int, int | None, str | None]]]:
    """Yield a few tasks at a time, because unpacked tasks take ten times the memory."""
    chunk: list[tuple[int, int | None, str | None]] = []
    size = 0
    for place in order:
        chunk.append(place)
        size += len(file.tasks[place[0]].packed)
        if len(chunk) >= ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
