"""Making and changing tasks, with what they belong to."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.orm.attributes import flag_modified, set_committed_value
from uuid_utils.compat import uuid7

from taskapi.api import invalid
from taskapi.database import Prepared, db, now, writer
from taskapi.labels.names import labels_named
from taskapi.owned import change_all, name_key, take_number
from taskapi.projects.models import Project
from taskapi.security.scope import is_live, live_or_409, make_room
from taskapi.security.tokens import caller
from taskapi.tasks.models import Task, TaskLabel
from taskapi.tasks.tree import refuse_bad_parent

_INSERT = Prepared(insert(Task))


def add_task(values: dict[str, Any]) -> Task:
    """Add a task of the caller's past the session, whose way takes as long as all the rest; return it."""
    make_room(Task)
    moment = now()
    version = take_number(caller().id)
    task = Task(id=uuid7(), owner_id=caller().id, created_at=moment, updated_at=moment, version=version)
    _apply(task, values)
    _INSERT.all(writer(), vars(task))
    set_committed_value(task, "labels", [])
    if names := values.get("labels"):
        _put_labels(task, names)
    return task


def change_task(task: Task, changes: dict[str, Any]) -> None:
    """Change a task that was locked, and flush it."""
    live_or_409(task)
    _apply(task, changes)
    if "labels" in changes and _keys(changes["labels"] or []) != _keys(task.labels):
        db.session.execute(delete(TaskLabel).where(TaskLabel.owner_id == task.owner_id, TaskLabel.task_id == task.id))
        _put_labels(task, changes["labels"] or [])
        flag_modified(task, "version")
    db.session.flush()


def _keys(names: list[str]) -> set[str]:
    return {name_key(name) for name in names}


def _apply(task: Task, changes: dict[str, Any]) -> None:
    _refuse_bad_place(task, changes)
    task.apply({name: value for name, value in changes.items() if name != "labels"})


def _refuse_bad_place(task: Task, changes: dict[str, Any]) -> None:
    project_id, parent_id = changes.get("project_id"), changes.get("parent_id")
    if project_id and project_id != task.project_id and not is_live(Project, project_id):
        invalid("json", {"project_id": ["There is no such project."]})
    if parent_id and parent_id != task.parent_id:
        refuse_bad_parent(task, parent_id)


def _put_labels(task: Task, names: list[str]) -> None:
    labels = labels_named(names)
    rows = [{"owner_id": task.owner_id, "task_id": task.id, "label_id": label_id} for label_id in labels]
    if rows:
        db.session.execute(insert(TaskLabel), rows)
    set_committed_value(task, "labels", list(labels.values()))


def touch_labelled(label_id: UUID) -> None:
    """Give all tasks that have the label new versions, since what they show is changing."""
    labelled = select(TaskLabel.task_id).where(TaskLabel.owner_id == caller().id, TaskLabel.label_id == label_id)
    change_all(Task, caller().id, Task.id.in_(labelled))
