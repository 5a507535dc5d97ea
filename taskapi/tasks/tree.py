"""Trees of tasks: no cycles, a limited depth, one project for each tree, and one trash for a task and its subtasks."""

from datetime import datetime
from typing import NoReturn
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Select, and_, func, literal, or_, select, update
from sqlalchemy.orm import aliased

from taskapi.api import invalid, problem
from taskapi.database import db
from taskapi.projects.models import Project
from taskapi.resources.ownership import is_live, is_owned
from taskapi.resources.trash import delete_permanently, update_rows
from taskapi.security.tokens import caller
from taskapi.tasks.models import Task

MAX_DEPTH = 5
OTHER_PROJECT = "A subtask is in the project of its parent."


def with_subtasks(roots: ColumnElement[bool]) -> CTE:
    """Return the ids of the caller's tasks that meet the condition, and of their subtasks, with their depth from 1.

    The expression is nested, because the driver of SQLite returns no row count for a statement that begins with WITH.
    """
    tree = (
        select(Task.id, literal(1).label("depth"))
        .where(is_owned(Task), roots)
        .cte("tree", recursive=True, nesting=True)
    )
    below = select(Task.id, tree.c.depth + 1).join(tree, Task.parent_id == tree.c.id)
    return tree.union_all(below.where(is_owned(Task)))


def refuse_bad_parent(task_id: UUID, parent_id: UUID) -> None:
    """Respond 422 if the task cannot have that parent. Call it with the owner locked: the tree must not change."""
    if not is_live(Task, parent_id):
        _refuse("There is no such task.")
    above = _chain(parent_id)
    if task_id in above:
        _refuse("A task cannot be its own ancestor.")
    tree = with_subtasks(Task.id == task_id)
    height = db.session.execute(select(func.max(tree.c.depth))).scalar() or 1
    if len(above) + height > MAX_DEPTH:
        _refuse(f"Trees of tasks have at most {MAX_DEPTH} levels.")


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


def _chain(task_id: UUID) -> set[UUID]:
    """Return the ids of a task and of its ancestors."""
    chain = select(Task.id, Task.parent_id).where(is_owned(Task), Task.id == task_id).cte("chain", recursive=True)
    above = select(Task.id, Task.parent_id).join(chain, Task.id == chain.c.parent_id).where(is_owned(Task))
    return set(db.session.execute(select(chain.union(above).c.id)).scalars())


def _refuse(why: str) -> NoReturn:
    invalid("json", {"parent_id": [why]})


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
