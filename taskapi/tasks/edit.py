"""Making and changing tasks, with what they belong to."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.orm.attributes import flag_modified, set_committed_value
from uuid_utils.compat import uuid7

from taskapi.api import invalid, problem
from taskapi.database import Prepared, db, now, writer
from taskapi.labels.names import labels_named
from taskapi.owned import change_all, name_key, take_number
from taskapi.projects.models import Project
from taskapi.security.scope import is_mine, live_or_409, make_room
from taskapi.security.tokens import caller
from taskapi.tasks.models import Task, TaskLabel, new_row
from taskapi.tasks.schemas import NAMES
from taskapi.tasks.tree import refuse_bad_parent

PLACES = ("project_id", "parent_id")
_INSERT = Prepared(insert(Task))


def add_task(values: dict[str, Any]) -> dict[str, Any]:
    """Add a task of the caller's, and return it as it is shown."""
    make_room(Task)
    moment, me = now(), caller().id
    fixed = {"id": uuid7(), "owner_id": me, "created_at": moment, "updated_at": moment, "version": take_number(me)}
    row = new_row(values, **fixed)
    _refuse_bad_place(row["id"], row["project_id"], row["parent_id"])
    _INSERT.all(writer(), row)
    row["labels"] = _label(row["id"], values["labels"]) if values.get("labels") else []
    return {name: row[name] for name in NAMES}


def change_task(task: Task, changes: dict[str, Any]) -> None:
    """Change a task that was locked, and flush it."""
    live_or_409(task)
    moved = {name: changes[name] for name in PLACES if changes.get(name) not in {None, getattr(task, name)}}
    _refuse_bad_place(task.id, **moved)
    task.apply({name: value for name, value in changes.items() if name != "labels"})
    if "labels" in changes and _keys(changes["labels"] or []) != _keys(task.labels):
        db.session.execute(delete(TaskLabel).where(TaskLabel.owner_id == task.owner_id, TaskLabel.task_id == task.id))
        set_committed_value(task, "labels", _label(task.id, changes["labels"] or []))
        flag_modified(task, "version")
    db.session.flush()


def _keys(names: list[str]) -> set[str]:
    return {name_key(name) for name in names}


def _refuse_bad_place(task_id: UUID, project_id: UUID | None = None, parent_id: UUID | None = None) -> None:
    if project_id:
        refuse_bad_project(project_id)
    if parent_id:
        refuse_bad_parent(task_id, parent_id)


def refuse_bad_project(project_id: UUID) -> None:
    """Respond 422 if the caller has no such project, and 409 if it is archived."""
    live = select(Project.archived).where(is_mine(Project), Project.id == project_id, Project.deleted_at.is_(None))
    archived = db.session.execute(live).scalar()
    if archived is None:
        invalid("json", {"project_id": ["There is no such project."]})
    if archived:
        problem("project_archived")


def _label(task_id: UUID, names: list[str]) -> list[str]:
    """Put labels on a task that has none, and return their names as they are shown."""
    labels = labels_named(names)
    rows = [{"owner_id": caller().id, "task_id": task_id, "label_id": label_id} for label_id in labels]
    if rows:
        db.session.execute(insert(TaskLabel), rows)
    return list(labels.values())


def touch_labelled(label_id: UUID) -> None:
    """Give all tasks that have the label new versions, since what they show is changing."""
    labelled = select(TaskLabel.task_id).where(TaskLabel.owner_id == caller().id, TaskLabel.label_id == label_id)
    change_all(Task, caller().id, Task.id.in_(labelled))
