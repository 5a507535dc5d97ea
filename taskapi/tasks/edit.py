"""Add and change tasks, with their projects, parents and labels."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Flask, current_app
from sqlalchemy import bindparam, delete, insert, select, update
from uuid_utils.compat import uuid7

from taskapi.api import invalid, problem
from taskapi.database import PreparedStatement, db, now, writer
from taskapi.labels.models import Label, get_or_create_labels
from taskapi.projects.models import Project
from taskapi.resources.models import name_key
from taskapi.resources.ownership import is_owned, refuse_in_trash, reserve_quota, save, take_version
from taskapi.resources.trash import update_rows
from taskapi.security.tokens import caller
from taskapi.tasks.days import UTC_ZONE
from taskapi.tasks.models import DUE, LABEL_NAMES, Task, TaskLabel, due_keys, new_row
from taskapi.tasks.schemas import MAX_LABELS, NAMES, NEEDS_DUE
from taskapi.tasks.tree import OTHER_PROJECT, refuse_bad_parent, with_subtasks
from taskapi.users.service import timezone_of

ROWS_AT_ONCE: Final = 1_000
StatusListener = Callable[[Task, str], None]
ReminderListener = Callable[[list[dict[str, Any]]], None]
REMINDING: Final = ("owner_id", "id", "reminders", "due_date", "due_at")
_LISTENERS: Final = "taskapi-status-listeners"
_REMINDER_LISTENERS: Final = "taskapi-reminder-listeners"
_INSERT = PreparedStatement(insert(Task))


def add_status_listener(app: Flask, listener: StatusListener) -> None:
    """Register a function of a task and its former status. It is called in the transaction that changes the status."""
    app.extensions.setdefault(_LISTENERS, []).append(listener)


def add_reminder_listener(app: Flask, listener: ReminderListener) -> None:
    """Register a function of tasks of one owner, as dictionaries with REMINDING.

    It is called in the transaction that adds tasks with reminders, or that changes when their reminders are due.
    """
    app.extensions.setdefault(_REMINDER_LISTENERS, []).append(listener)


def add_task(values: dict[str, Any]) -> dict[str, Any]:
    """Add a task for the caller. Return the fields that the API shows."""
    reserve_quota(Task)
    task_id, moment, me = uuid7(), now(), caller().id
    fixed = {"id": task_id, "position": task_id.hex, "owner_id": me, "created_at": moment, "updated_at": moment}
    row = new_row(values, _zone_for(values.get("due_date")), **fixed, version=take_version(me))
    if row["parent_id"]:
        row["project_id"] = _project_under(row["id"], row["parent_id"], row["project_id"])
    if row["project_id"]:
        _refuse_bad_project(row["project_id"])
    labels = get_or_create_labels(row["labels"]) if row["labels"] else {}
    row["labels"] = [*labels.values()]
    insert_tasks([row])
    _add_labels(row["id"], labels)
    return {name: row[name] for name in NAMES}


def insert_tasks(rows: list[dict[str, Any]]) -> None:
    """Insert tasks with the columns that `new_row` returns. Bypasses the session, which takes several times as long."""
    if len(rows) == 1:
        _INSERT.all(writer(), rows[0])
    elif rows:
        writer().execute(insert(Task), rows)
    _announce_reminders([row for row in rows if row["reminders"]])


def _announce_reminders(rows: list[dict[str, Any]]) -> None:
    for listener in current_app.extensions.get(_REMINDER_LISTENERS, ()) if rows else ():
        listener(rows)


def change_task(task: Task, changes: dict[str, Any]) -> None:
    """Change a task that was locked, and save it. Calls the listeners with its former status if that changes."""
    refuse_in_trash(task)
    status = task.status
    before, group = task.project_id, (task.project_id, task.parent_id)
    changes = changes | _new_place(task, changes)
    if (changes.get("project_id", before), changes.get("parent_id", task.parent_id)) != group:
        task.position = uuid7().hex  # last in its new group, as a new task is
    zone = _zone_for(changes.get("due_date", task.due_date) if DUE & changes.keys() else None)
    task.set_fields({name: value for name, value in changes.items() if name != "labels"}, zone)
    if task.recurrence and not task.due_date and not task.due_at:
        invalid("json", {"recurrence": [NEEDS_DUE]})
    names = changes.get("labels") or []
    relabelled = "labels" in changes and _keys(names) != _keys(task.labels)
    if relabelled:
        _unlabel(task, MAX_LABELS - len(_keys(names)))
        labels = get_or_create_labels(names)
        task.labels = [*labels.values()]
        _add_labels(task.id, labels)
    save(task, changed=relabelled)
    if task.project_id != before:
        below = with_subtasks(Task.parent_id == task.id)
        update_rows(Task, task.owner_id, Task.id.in_(select(below.c.id)), project_id=task.project_id)
        db.session.refresh(task)
    if "reminders" in changes or (task.reminders and changes.keys() & {*DUE, "status"}):
        _announce_reminders([{name: getattr(task, name) for name in REMINDING}])
    if task.status != status:
        for listener in current_app.extensions.get(_LISTENERS, ()):
            listener(task, status)


def _new_place(task: Task, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the project and the parent of a task after these changes. Responds 422 or 409 if they are invalid."""
    if not changes.keys() & {"project_id", "parent_id"}:
        return {}
    project_id = changes.get("project_id", task.project_id)
    parent_id = changes.get("parent_id", task.parent_id)
    if "parent_id" not in changes and project_id != task.project_id:
        parent_id = None  # a subtask that moves to another project loses its parent
    elif parent_id:
        under = task.project_id if parent_id == task.parent_id else _project_under(task.id, parent_id)
        project_id = _refuse_other_project(changes.get("project_id"), under)
    if project_id and project_id != task.project_id:
        _refuse_bad_project(project_id)
    return {"project_id": project_id, "parent_id": parent_id}


def _project_under(task_id: UUID, parent_id: UUID, named: UUID | None = None) -> UUID | None:
    """Return the project of a task with this parent. Responds 422 if it is invalid, or `named` is another project."""
    refuse_bad_parent(task_id, parent_id)
    under = db.session.execute(select(Task.project_id).where(is_owned(Task), Task.id == parent_id)).scalar_one()
    return _refuse_other_project(named, under)


def _refuse_other_project(named: UUID | None, under: UUID | None) -> UUID | None:
    if named and named != under:
        invalid("json", {"project_id": [OTHER_PROJECT]})
    return under


def _zone_for(due_date: date | None) -> ZoneInfo:
    """Return the caller's time zone if the task has a due day, or else UTC. Call it with the owner locked."""
    return timezone_of(caller().id, writer()) if due_date else UTC_ZONE


def _keys(names: list[str]) -> set[str]:
    return {name_key(name) for name in names}


def _refuse_bad_project(project_id: UUID) -> None:
    """Respond 422 if the caller has no such project, and 409 if it is archived."""
    live = select(Project.archived).where(is_owned(Project), Project.id == project_id, Project.deleted_at.is_(None))
    archived = db.session.execute(live).scalar()
    if archived is None:
        invalid("json", {"project_id": ["There is no such project."]})
    if archived:
        problem("project_archived")


def _unlabel(task: Task, room: int) -> None:
    """Remove the labels of a task, except those in the trash, which the task gets back when they are restored.

    At most `room` of these stay, the most recently deleted first, so that no task exceeds the limit of labels.
    """
    mine = (TaskLabel.owner_id == task.owner_id, TaskLabel.task_id == task.id)
    kept = (
        select(TaskLabel.label_id)
        .join(Label, Label.id == TaskLabel.label_id)
        .where(*mine, is_owned(Label), Label.deleted_at.is_not(None))
        .order_by(Label.deleted_at.desc(), Label.id)
        .limit(room)
    )
    removed = delete(TaskLabel).where(*mine, TaskLabel.label_id.not_in(db.session.scalars(kept).all()))
    db.session.execute(removed)


def _add_labels(task_id: UUID, label_ids: Iterable[UUID]) -> None:
    """Add labels to a task that has none outside the trash."""
    rows = [{"owner_id": caller().id, "task_id": task_id, "label_id": label_id} for label_id in label_ids]
    if rows:
        db.session.execute(insert(TaskLabel), rows)


def update_labelled_tasks(label_id: UUID) -> None:
    """Set the label names of all tasks that have the label, and give them new versions. Call it after the change."""
    labelled = select(TaskLabel.task_id).where(TaskLabel.owner_id == caller().id, TaskLabel.label_id == label_id)
    update_rows(Task, caller().id, Task.id.in_(labelled), labels=LABEL_NAMES)


def move_due_days(owner_id: UUID, zone: ZoneInfo) -> None:
    """Set the sort keys of a user's tasks that are due on a day, for a new time zone. Their versions do not change.

    Call it with the owner locked. Each task is updated by its key, so that the time is proportional to their number.
    """
    table: Any = Task.__table__
    mine = table.c.owner_id == owner_id
    days = select(table.c.id, table.c.due_date).where(mine, table.c.due_date.is_not(None)).order_by(table.c.id)
    change = (
        update(table)
        .where(mine, table.c.id == bindparam("task"))
        .values(due_first=bindparam("due_first"), due_last=bindparam("due_last"))
    )
    page = writer().execute(days.limit(ROWS_AT_ONCE)).all()
    while page:
        writer().execute(change, [{"task": row.id, **due_keys(row.due_date, None, zone)} for row in page])
        page = writer().execute(days.where(table.c.id > page[-1].id).limit(ROWS_AT_ONCE)).all()
