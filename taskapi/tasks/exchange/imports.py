"""Bringing tasks in, all in one transaction."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from uuid_utils.compat import uuid7

from taskapi.accounts.timezones import timezone_of
from taskapi.database import db, now, writer
from taskapi.labels.models import Label
from taskapi.owned import lock_owner, name_key
from taskapi.projects.models import Project
from taskapi.security.scope import is_mine, make_room
from taskapi.security.tokens import caller
from taskapi.tasks.days import UTC_ZONE, due_keys
from taskapi.tasks.exchange.links import from_top
from taskapi.tasks.models import Task, TaskLabel, new_row

Values = dict[str, Any]
Ids = dict[str, UUID]  # of projects or labels, by what names that differ in case only have in common
TAKEN_OVER = ("title", "description", "status", "priority", "due_date", "due_at", "completed_at")


def add_tasks(tasks: list[Values]) -> dict[str, int]:
    """Add the tasks of a file with what they belong to, and return how many there are of each that is new."""
    _give_ids(tasks)
    tasks = from_top(tasks)
    moment = now()
    rows = [_row(task, moment) for task in tasks]  # what takes a while is done before anybody has to wait
    lock_owner(caller().id, 0)
    projects, new_projects = _find_or_make(Project, [task["project"] for task in tasks if task.get("project")])
    labels, new_labels = _find_or_make(Label, [name for task in tasks for name in task.get("labels") or ()])
    if tasks:
        _insert(tasks, rows, projects, labels)
    return {"created": len(tasks), "projects": new_projects, "labels": new_labels}


def _find_or_make(model: type[Project | Label], names: list[str]) -> tuple[Ids, int]:
    """Return the ids of the caller's rows of these names, and how many of them there were not yet."""
    live = select(model.name_key, model.id).where(is_mine(model), model.deleted_at.is_(None))
    ids: Ids = dict(db.session.execute(live).all()) if names else {}
    wanted = {name_key(name): name for name in reversed(names)}
    rows = [model(id=uuid7(), owner_id=caller().id, name=name) for key, name in wanted.items() if key not in ids]
    if rows:
        make_room(model, len(rows))
        for row in rows:
            row.apply({})
        db.session.add_all(rows)
        db.session.flush()
    return ids | {row.name_key: row.id for row in rows}, len(rows)


def _insert(tasks: list[Values], rows: list[Values], projects: Ids, labels: Ids) -> None:
    last = make_room(Task, len(rows))
    zone = timezone_of(caller().id, writer()) if any(row["due_date"] for row in rows) else UTC_ZONE
    for version, (row, task) in enumerate(zip(rows, tasks, strict=True), last - len(rows) + 1):
        row["version"] = version
        row.update(due_keys(row["due_date"], row["due_at"], zone))
        row["project_id"] = projects[name_key(task["project"])] if task.get("project") else None
    db.session.execute(insert(Task), rows)
    if labelled := [row for task in tasks for row in _label_rows(task, labels)]:
        db.session.execute(insert(TaskLabel), labelled)


def _give_ids(tasks: list[Values]) -> None:
    """Give the tasks ids of our own, in the order of the file, and let them name those above them by these."""
    ids = sorted(uuid7() for _ in tasks)
    by_name = {task.get("id"): new for task, new in zip(tasks, ids, strict=True)}
    for task, new in zip(tasks, ids, strict=True):
        task["new_id"] = new
        task["new_parent_id"] = by_name[task["parent_id"]] if task.get("parent_id") else None


def _row(task: Values, moment: datetime) -> Values:
    return new_row(
        {name: task.get(name) for name in TAKEN_OVER},
        UTC_ZONE,  # until the owner is locked
        id=task["new_id"],
        owner_id=caller().id,
        parent_id=task["new_parent_id"],
        created_at=task.get("created_at") or moment,
        updated_at=moment,
    )


def _label_rows(task: Values, labels: Ids) -> list[Values]:
    ids = dict.fromkeys(labels[name_key(name)] for name in task.get("labels") or ())
    return [{"owner_id": caller().id, "task_id": task["new_id"], "label_id": label_id} for label_id in ids]
