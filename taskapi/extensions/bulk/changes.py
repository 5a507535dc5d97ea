"""Find tasks by the filters of a list, and change all of them in one transaction."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from taskapi.api import invalid, problem
from taskapi.api.errors import Problem
from taskapi.database import db, now, reader
from taskapi.extensions.bulk.schemas import MAX_TASKS
from taskapi.labels.models import Label
from taskapi.projects.models import Project
from taskapi.resources.models import name_key
from taskapi.resources.ownership import advance_counter, is_owned, lock_owner
from taskapi.resources.pagination import slow_read
from taskapi.resources.trash import delete_permanently, update_rows
from taskapi.security.tokens import caller
from taskapi.tasks.days import UTC_ZONE
from taskapi.tasks.edit import change_task
from taskapi.tasks.models import Task
from taskapi.tasks.queries import conditions, needs_timezone, parameters_of
from taskapi.tasks.schemas import MAX_LABELS
from taskapi.tasks.search import limited_search
from taskapi.tasks.tree import delete_tasks_permanently, move_tasks_to_trash, restore_task_tree
from taskapi.users.service import timezone_of

MAX_ROWS = 20_000  # that a request changes or adds, subtasks and next tasks included


def count_tasks(query: dict[str, Any]) -> int:
    """Return how many of the caller's tasks the filters find."""
    where, parameters = _conditions(query)
    with _limited(query):
        count: int = reader().execute(select(func.count()).select_from(Task).where(*where), parameters).scalar_one()
    return count


def change_tasks(query: dict[str, Any], op: str, count: int, **change: Any) -> None:
    """Change all tasks that the filters find. Responds 409 unless they are `count`.

    If one of them cannot change, responds with its error and its `task_id`. The tasks are found before the caller's
    rows are locked, so that other writers do not wait for a search. Under the lock, the filters are checked once more.
    """
    where, parameters = _conditions(query)
    with _limited(query):
        found = reader().scalars(select(Task.id).where(*where).limit(MAX_TASKS + 1), parameters).all()
    if len(found) > MAX_TASKS:
        problem("too_many_tasks")
    start = lock_owner(caller().id, 0).value
    tasks = db.session.scalars(select(Task).where(*where, Task.id.in_(found)), parameters).all()
    if len(tasks) != count:
        problem("count_changed", f"The filter finds {len(tasks)} tasks.", count=len(tasks))
    if op in {"trash", "restore"}:
        tasks = _move_single(tasks, trash=op == "trash")
    for task_id in [task.id for task in _parents_first(tasks)]:
        task = db.session.get(Task, (caller().id, task_id))
        if task is None:
            continue  # reopening a recurring task has deleted the next one
        try:
            _CHANGES[op](task, **change)
        except Problem as error:
            error.members["task_id"] = str(task_id)
            raise
        if advance_counter(caller().id, 0).value - start > MAX_ROWS:
            problem("too_many_tasks", f"The change has more than {MAX_ROWS:,} rows, subtasks included.")


def empty_trash() -> None:
    """Delete all tasks, projects and labels in the caller's trash permanently."""
    lock_owner(caller().id, 0)
    delete_tasks_permanently(Task.deleted_at.is_not(None))
    for model in (Project, Label):
        delete_permanently(model, caller().id, model.deleted_at.is_not(None))


def _conditions(query: dict[str, Any]) -> tuple[list[ColumnElement[bool]], dict[str, Any]]:
    """Return the conditions of the filters, and their parameters."""
    zone = timezone_of(caller().id, reader()) if needs_timezone({"sort": (), **query}) else UTC_ZONE
    parameters = parameters_of(query, zone)
    return conditions(frozenset(parameters)), {**parameters, "owner_id": caller().id}


@contextmanager
def _limited(query: dict[str, Any]) -> Iterator[None]:
    """Limit how many slow reads run at once, and the time of a search."""
    with slow_read(), limited_search(caller().id) if "q" in query else nullcontext():
        yield


def _move_single(tasks: Sequence[Task], *, trash: bool) -> list[Task]:
    """Move tasks that move alone to the trash, or back, by one statement. Return the others, which take longer."""
    ids, above = {task.id for task in tasks}, {task.parent_id for task in tasks}
    parents = set(db.session.scalars(select(Task.parent_id).where(is_owned(Task), Task.parent_id.in_(ids))))
    if trash:
        single = {task.id for task in tasks if task.deleted_at is None and task.parent_id not in ids}
        values: dict[str, Any] = {"deleted_at": now(), "deleted_with": Task.id}
    else:
        projects = {task.project_id for task in tasks}
        live = {None, *_live(Task, above), *_live(Project, projects)}
        single = {
            task.id for task in tasks if task.deleted_with == task.id and {task.parent_id, task.project_id} <= live
        }
        values = {"deleted_at": None, "deleted_with": None}
    others = [task for task in tasks if task.id not in single - parents]
    update_rows(Task, caller().id, Task.id.in_(single - parents), **values)
    return others


def _live(model: type[Task | Project], ids: set[UUID | None]) -> Iterable[UUID]:
    return db.session.scalars(select(model.id).where(is_owned(model), model.id.in_(ids), model.deleted_at.is_(None)))


def _parents_first(tasks: Sequence[Task]) -> list[Task]:
    """Return tasks so that none comes before a parent that is among them: the change of a parent may include it."""
    by_id = {task.id: task for task in tasks}

    def depth(task: Task) -> int:
        parent = by_id.get(task.parent_id) if task.parent_id else None
        return depth(parent) + 1 if parent else 0

    return sorted(tasks, key=depth)


def _update(task: Task, data: dict[str, Any]) -> None:
    change_task(task, data)


def _add_label(task: Task, label: str) -> None:
    if name_key(label) in {name_key(name) for name in task.labels}:
        return
    if len(task.labels) >= MAX_LABELS:
        invalid("json", {"change": {"label": [f"A task has at most {MAX_LABELS} labels."]}})
    change_task(task, {"labels": [*task.labels, label]})


def _remove_label(task: Task, label: str) -> None:
    change_task(task, {"labels": [name for name in task.labels if name_key(name) != name_key(label)]})


def _move_to_trash(task: Task) -> None:
    if task.deleted_at is None:  # it may have moved with its parent
        move_tasks_to_trash(Task.id == task.id, task.id, now())


def _restore(task: Task) -> None:
    if task.deleted_at is not None:
        restore_task_tree(task)


_CHANGES: Final[dict[str, Callable[..., None]]] = {
    "update": _update,
    "add_label": _add_label,
    "remove_label": _remove_label,
    "trash": _move_to_trash,
    "restore": _restore,
}
