"""The task that follows a completed one: added when a recurring task is completed, removed when it is reopened."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, insert, select
from uuid_utils.compat import uuid7

from taskapi.api import problem
from taskapi.database import db, now, writer
from taskapi.extensions.recurrence.dates import later_due, next_due
from taskapi.resources.ownership import is_owned, reserve_quota, save, take_version
from taskapi.tasks.edit import insert_tasks
from taskapi.tasks.models import RECURRENCE, Status, Task, TaskLabel, new_row
from taskapi.tasks.reminders import is_duration
from taskapi.tasks.tree import delete_tasks_permanently, with_subtasks
from taskapi.users.service import timezone_of

MAX_SUBTASKS: Final = 200  # that a completion copies
COPIED: Final = ("title", "description", "priority", *RECURRENCE, "project_id", "position", "labels")
Values = dict[str, Any]


def follow_status(task: Task, before: str) -> None:
    """Add the next task after a recurring task was completed; remove it again after that was reopened.

    The owner is locked, so a task that two requests complete is followed by one. A task that has been followed, and
    that was reopened since, is not followed again while the next task exists.
    """
    if task.status == Status.DONE and task.recurrence and task.next_id is None:
        _add_next(task)
    elif before == Status.DONE and task.next_id is not None:
        _remove_next(task)


def _add_next(task: Task) -> None:
    """Add the next task, with copies of the subtasks. It takes the place of the completed one, which comes last."""
    zone, moment = timezone_of(task.owner_id, writer()), now()
    due = next_due(task, task.completed_at or moment, zone)
    if due is None:
        return
    subtasks = _subtasks_to_copy(task)
    reserve_quota(Task, 1 + len(subtasks))
    next_ids = {row.id: uuid7() for row in (task, *subtasks)}
    rows = []
    for row in (task, *subtasks):
        day, instant = later_due(row.due_date, row.due_at, due.days_later, zone)
        values = {name: getattr(row, name) for name in COPIED} | {"due_date": day, "due_at": instant}
        values["reminders"] = [reminder for reminder in row.reminders if is_duration(reminder)]
        if row is task:
            values |= {"recurrence": due.rule, "due_date": due.day, "due_at": due.instant}
        fixed: Values = {
            "id": next_ids[row.id],
            "parent_id": task.parent_id if row is task else next_ids[row.parent_id or task.id],
        }
        fixed |= {"owner_id": task.owner_id, "created_at": moment, "updated_at": moment}
        rows.append(new_row(values, zone, **fixed, version=take_version(task.owner_id)))
    insert_tasks(rows)
    _copy_labels(task.owner_id, next_ids)
    task.next_id, task.next_version = rows[0]["id"], rows[-1]["version"]
    task.position = uuid7().hex
    save(task)


def _subtasks_to_copy(task: Task) -> Sequence[Task]:
    """Return the subtasks outside the trash, parents first, without those that a next task has followed.

    Responds 409 if they are too many.
    """
    tree = with_subtasks(Task.parent_id == task.id)
    live = select(Task).join(tree, Task.id == tree.c.id).where(is_owned(Task), Task.deleted_at.is_(None))
    found = db.session.scalars(live.order_by(tree.c.depth, Task.position).limit(MAX_SUBTASKS + 1)).all()
    if len(found) > MAX_SUBTASKS:
        problem("quota_exceeded", f"Completing a recurring task copies its subtasks: it may have {MAX_SUBTASKS}.")
    copied = {task.id}
    for row in found:
        if row.parent_id in copied and row.next_id is None:
            copied.add(row.id)
    return [row for row in found if row.id in copied]


def _copy_labels(owner_id: UUID, next_ids: dict[UUID, UUID]) -> None:
    labels = select(TaskLabel.task_id, TaskLabel.label_id)
    found = db.session.execute(labels.where(TaskLabel.owner_id == owner_id, TaskLabel.task_id.in_(next_ids)))
    rows = [{"owner_id": owner_id, "task_id": next_ids[task_id], "label_id": label_id} for task_id, label_id in found]
    if rows:
        db.session.execute(insert(TaskLabel), rows)


def _remove_next(task: Task) -> None:
    """Delete the next task permanently, with its subtasks, if none of them has changed since.

    The task gets its place back. A next task that has changed stays, and so does the link to it, unless it is in the
    trash or deleted: then the series continues with the reopened task.
    """
    following = db.session.get(Task, (task.owner_id, task.next_id))
    if following is not None and following.deleted_at is None:
        tree = with_subtasks(Task.id == following.id)
        rows = select(func.max(Task.version)).join(tree, Task.id == tree.c.id).where(is_owned(Task))
        if db.session.execute(rows).scalar_one() > (task.next_version or 0):
            return
        is_same_group = (following.project_id, following.parent_id) == (task.project_id, task.parent_id)
        position = following.position if is_same_group else task.position
        delete_tasks_permanently(Task.id == following.id)
        db.session.refresh(task)
        task.position = position
    task.next_id = task.next_version = None
    save(task)
