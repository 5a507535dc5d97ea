"""When the reminders of tasks are due: one row for each instant in the future."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select

from taskapi.config import setting, whole
from taskapi.database import db, now, writer
from taskapi.extensions.reminders.models import ReminderTime
from taskapi.tasks.edit import REMINDING
from taskapi.tasks.models import Task
from taskapi.tasks.reminders import reminder_instants
from taskapi.users.service import timezone_of

ROWS_AT_ONCE: Final = 500


@dataclass(frozen=True, kw_only=True)
class ReminderSettings:
    """The setting of reminders."""

    max_reminder_mails: int = setting(
        50, "Mails with reminders that one user gets in a day (UTC). Further reminders are not mailed.", whole(0)
    )


def set_times(tasks: list[dict[str, Any]]) -> None:
    """Replace the rows of tasks of one owner, which is locked. Reminders in the past get none."""
    _replace(tasks, timezone_of(tasks[0]["owner_id"], writer()))


def move_days(owner_id: UUID, zone: ZoneInfo) -> None:
    """Replace the rows of a user's tasks that have some, for a new time zone."""
    last = UUID(int=0)
    waiting = select(ReminderTime.task_id).where(ReminderTime.owner_id == owner_id)
    columns = select(*(getattr(Task, name) for name in REMINDING)).where(Task.owner_id == owner_id)
    page = columns.where(Task.id.in_(waiting)).order_by(Task.id).limit(ROWS_AT_ONCE)
    while rows := [dict(row) for row in db.session.execute(page.where(Task.id > last)).mappings()]:
        _replace(rows, zone)
        last = rows[-1]["id"]


def _replace(tasks: list[dict[str, Any]], zone: ZoneInfo) -> None:
    moment, owner_id = now(), tasks[0]["owner_id"]
    for start in range(0, len(tasks), ROWS_AT_ONCE):
        some = tasks[start : start + ROWS_AT_ONCE]
        ids = [task["id"] for task in some]
        db.session.execute(
            delete(ReminderTime).where(ReminderTime.owner_id == owner_id, ReminderTime.task_id.in_(ids)),
            execution_options={"synchronize_session": False},
        )
        rows = [
            {"owner_id": owner_id, "task_id": task["id"], "remind_at": instant}
            for task in some
            for instant in {*reminder_instants(task["reminders"], task["due_date"], task["due_at"], zone)}
            if instant > moment
        ]
        if rows:
            writer().execute(insert(ReminderTime), rows)
