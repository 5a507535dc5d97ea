"""How many tasks there are of each kind."""

from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import and_, bindparam, func, select

from taskapi.database import PreparedStatement, now, reader
from taskapi.security.tokens import caller
from taskapi.tasks.days import day_of, end_of_day
from taskapi.tasks.filters import FILTERS, is_not_archived, is_open
from taskapi.tasks.models import Status, Task
from taskapi.users.service import timezone_of


class SummarySchema(Schema):
    """Counts of your tasks, without the trash and archived projects. Days end when they end where you live."""

    by_status = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"example": {"todo": 12, "in_progress": 2, "done": 31, "cancelled": 1}},
    )
    overdue = fields.Integer(metadata={"description": "Open ones whose due day or instant is past.", "example": 1})
    due_today = fields.Integer(
        metadata={"description": "Open ones due on this day that are not overdue yet.", "example": 3}
    )


_TODAY = and_(is_open(), Task.due_first.between(bindparam("now"), bindparam("day_end")))
_COUNTS = PreparedStatement(
    select(
        *(func.count().filter(Task.status == status).label(status) for status in Status),
        func.count().filter(FILTERS["overdue"]).label("overdue"),
        func.count().filter(_TODAY).label("due_today"),
    ).where(Task.owner_id == bindparam("owner_id"), Task.deleted_at.is_(None), is_not_archived())
)


def summarize() -> dict[str, Any]:
    """Return the counts of the caller's tasks."""
    moment, zone = now(), timezone_of(caller().id, reader())
    day_end = end_of_day(day_of(moment, zone), zone)
    counts = _COUNTS.one(reader(), {"owner_id": caller().id, "now": moment, "day_end": day_end})
    return {"by_status": {status.value: counts.pop(status.value) for status in Status}, **counts}
