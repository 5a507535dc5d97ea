"""Trees of tasks: no cycles, a limited depth, and one project for each tree."""

from typing import NoReturn
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, func, literal, select

from taskapi.api import invalid
from taskapi.database import db
from taskapi.resources.ownership import is_live, is_owned
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


def _chain(task_id: UUID) -> set[UUID]:
    """Return the ids of a task and of its ancestors."""
    chain = select(Task.id, Task.parent_id).where(is_owned(Task), Task.id == task_id).cte("chain", recursive=True)
    above = select(Task.id, Task.parent_id).join(chain, Task.id == chain.c.parent_id).where(is_owned(Task))
    return set(db.session.execute(select(chain.union(above).c.id)).scalars())


def _refuse(why: str) -> NoReturn:
    invalid("json", {"parent_id": [why]})
