"""The routes /tasks/count, /tasks/bulk and /trash."""

from typing import Any, Final

from flask import Response

from taskapi.api import Blueprint, json_response
from taskapi.api.blueprint import runs_within
from taskapi.api.concurrency import ConcurrencyLimit
from taskapi.database import db
from taskapi.extensions.bulk.changes import change_tasks, count_tasks, empty_trash
from taskapi.extensions.bulk.schemas import CHANGES, FILTER, BulkSchema, CountSchema
from taskapi.resources.idempotency import idempotent, store_response
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission

RUNNING: Final = ConcurrencyLimit("bulk changes", per_user=1, per_process=2)

blp = Blueprint("bulk", __name__, url_prefix="/api/v1/tasks", tag="tasks")
trash_blp = Blueprint("trash", __name__, url_prefix="/api/v1/trash", tag="tasks")


@blp.get("/count")
@blp.arguments(FILTER, location="query")
@blp.response(200, CountSchema)
@requires(Permission.TASK_READ)
def show_count(query: dict[str, Any]) -> dict[str, int]:
    """Count the tasks that the filters of a list find."""
    return {"count": count_tasks(query)}


@blp.post("/bulk")
@blp.arguments(FILTER, location="query")
@blp.arguments(BulkSchema, examples=CHANGES)
@blp.response(
    200,
    CountSchema,
    errors=("count_changed", "too_many_tasks", "in_trash", "quota_exceeded", "project_archived"),
)
@requires(Permission.TASK_WRITE)
@runs_within(RUNNING)
@idempotent
def change_found_tasks(query: dict[str, Any], body: dict[str, Any]) -> Response:
    """Change all tasks that the filters of a list find: all of them, or none.

    Send the number of `GET /tasks/count` with the same filters as `count`, so that only as many tasks change as the
    user has agreed to. At most 1,000 tasks change. If one of them cannot change, the error has its `task_id`. A task
    that already is as requested keeps its version.
    """
    change_tasks(query, **body["change"])
    response = json_response({"count": body["change"]["count"]}, 200, {}, etag=False)
    store_response(response)
    db.session.commit()
    return response


@trash_blp.delete("")
@trash_blp.response(204)
@requires(Permission.TASK_WRITE)
@runs_within(RUNNING)
def delete_trash() -> None:
    """Delete all tasks, projects and labels in your trash permanently."""
    empty_trash()
    db.session.commit()
