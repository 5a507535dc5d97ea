"""The trash of tasks: a task moves there with its subtasks, and is restored with those that moved with it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.orm import aliased

from taskapi.api import problem
from taskapi.database import db
from taskapi.projects.models import Project
from taskapi.resources.ownership import is_live, is_owned
from taskapi.resources.trash import delete_permanently, update_rows
from taskapi.security.tokens import caller
from taskapi.tasks.models import Task
from taskapi.tasks.tree import with_subtasks


def move_tasks_to_trash(roots: ColumnElement[bool], deleted_with: UUID, at: datetime) -> None:
    """Move the tasks that meet the condition to the trash with their subtasks. `deleted_with` groups them."""
    tree = with_subtasks(and_(roots, Task.deleted_at.is_(None)))
    condition = and_(Task.id.in_(select(tree.c.id)), Task.deleted_at.is_(None))
    update_rows(Task, caller().id, condition, deleted_at=at, deleted_with=deleted_with)


def delete_tasks_permanently(roots: ColumnElement[bool]) -> None:
    """Delete the tasks that meet the condition permanently, with their subtasks."""
    delete_permanently(Task, caller().id, Task.id.in_(select(with_subtasks(roots).c.id)))


def restore_task_tree(task: Task) -> None:
    """Restore a task and those that were deleted with it. Responds 409 if its project or parent is in the trash."""
    if task.project_id and not is_live(Project, task.project_id):
        problem("in_trash", "Its project is in the trash.")
    if task.parent_id and not is_live(Task, task.parent_id):
        problem("in_trash", "Its parent is in the trash.")
    restore_tasks(task.deleted_with or task.id)


def restore_tasks(deleted_with: UUID) -> None:
    """Restore the tasks that were deleted together, except those whose project or parent stays in the trash."""
    for task_id, other in db.session.execute(_held_back(deleted_with)).all():
        tree = with_subtasks(Task.id == task_id)
        held = and_(is_owned(Task), Task.deleted_with == deleted_with, Task.id.in_(select(tree.c.id)))
        db.session.execute(update(Task).where(held).values(deleted_with=other))
    update_rows(Task, caller().id, Task.deleted_with == deleted_with, deleted_at=None, deleted_with=None)


def _held_back(deleted_with: UUID) -> Select[UUID, UUID]:
    """Return the tasks whose project or parent stays in the trash, and the `deleted_with` of that."""
    parent = aliased(Task)
    return (
        select(Task.id, func.coalesce(Project.id, parent.deleted_with))
        .outerjoin(Project, and_(is_owned(Project), Project.id == Task.project_id, Project.deleted_at.is_not(None)))
        .outerjoin(parent, and_(is_owned(parent), parent.id == Task.parent_id, parent.deleted_with != deleted_with))
        .where(is_owned(Task), Task.deleted_with == deleted_with)
        .where(or_(Project.id.is_not(None), parent.id.is_not(None)))
    )
