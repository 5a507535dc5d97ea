"""The route /reminders."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields
from sqlalchemy import bindparam, select

from taskapi.api import Blueprint
from taskapi.api.fields import Instant
from taskapi.api.openapi_examples import TASK_ID
from taskapi.database import PreparedJsonPage, now
from taskapi.extensions.reminders.models import ReminderTime
from taskapi.resources.pagination import (
    PageSchema,
    SortKey,
    find_page,
    next_link,
    select_page,
    slow_read,
)
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.tasks.models import Task
from taskapi.tasks.queries import is_not_archived, is_open

KEYS = (SortKey(ReminderTime.remind_at, datetime.fromisoformat), SortKey(ReminderTime.task_id, UUID))

blp = Blueprint("reminders", __name__, url_prefix="/api/v1/reminders", tag="tasks")


class ReminderTimeSchema(Schema):
    """A reminder that is due in the future."""

    at = Instant(dump_only=True)
    task_id = fields.UUID(metadata={"example": TASK_ID})
    title = fields.String(metadata={"description": "The title of the task.", "example": "Water the plants"})


class ReminderTimePageSchema(Schema):
    """A page of reminders."""

    items = fields.List(fields.Nested(ReminderTimeSchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})


@blp.get("")
@blp.arguments(PageSchema, location="query")
@blp.response(200, ReminderTimePageSchema, etag=True, headers=("Link",))
@requires(Permission.TASK_READ)
def list_reminders(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List the reminders of your open tasks that are due in the future, the next one first.

    A front end shows each one at its time. Read the list again after a change of a task, which the change feed reports.
    Reminders of one task that are due at the same time are one. Tasks of archived projects have none.
    """
    with slow_read():
        page = find_page(_statement, KEYS, query, now=now())
    return page, next_link(page["next_cursor"])


@lru_cache
def _statement(after: bool) -> PreparedJsonPage:
    columns: list[Any] = [ReminderTime.remind_at.label("at"), ReminderTime.task_id, Task.title]
    statement = (
        select(*columns)
        .join(Task, Task.id == ReminderTime.task_id)
        .where(ReminderTime.owner_id == bindparam("owner_id"), Task.owner_id == bindparam("owner_id"))
        .where(ReminderTime.remind_at > bindparam("now"), Task.deleted_at.is_(None), is_open(), is_not_archived())
    )
    return select_page(statement, KEYS, after=after)
