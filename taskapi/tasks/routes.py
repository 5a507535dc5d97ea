"""/tasks: your own tasks, and nobody else's."""

from typing import Any
from uuid import UUID

from flask import Response

from taskapi.api import Blueprint, json_response, require_match
from taskapi.api.fields import DeletionSchema
from taskapi.api.parsing import JSON, MERGE_PATCH
from taskapi.database import JsonRow, db, now
from taskapi.resources.idempotency import created_response, idempotent, store_response
from taskapi.resources.ownership import found_or_404, get_owned_or_404
from taskapi.resources.pagination import next_link
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.tasks.batch import BATCHES, BatchSchema, ResultsSchema, refuse_large_response, run
from taskapi.tasks.edit import add_task, change_task
from taskapi.tasks.models import Task
from taskapi.tasks.queries import find_task, find_tasks
from taskapi.tasks.schemas import CHANGED, CREATED, NEW_TASK, TASK, TASK_CHANGES, TaskPageSchema, TaskQuerySchema
from taskapi.tasks.summary import SummarySchema, summarize
from taskapi.tasks.trash import delete_tasks_permanently, move_tasks_to_trash, restore_task_tree

blp = Blueprint("tasks", __name__, url_prefix="/api/v1/tasks", description="Your own tasks, and nobody else's.")


@blp.get("")
@blp.arguments(TaskQuerySchema, location="query")
@blp.response(200, TaskPageSchema, etag=True, headers=("Link",))
@requires(Permission.TASK_READ)
def list_tasks(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List your tasks.

    Filters go together: a task meets all of them. `status`, `priority`, `label`, `exclude_label` and `without` may be
    given more than once. A page ends with `next_cursor`, which gets the next one under the same filters and sort; none
    is skipped or shown twice while tasks are added.
    """
    page = find_tasks(query)
    return page, next_link(page["next_cursor"])


@blp.post("")
@blp.arguments(NEW_TASK, examples=CREATED)
@blp.response(201, TASK, etag=True, headers=("Location",), errors=("quota_exceeded", "project_archived"))
@requires(Permission.TASK_WRITE)
@idempotent
def create_task(values: dict[str, Any]) -> Response:
    """Add a task.

    Only a title is needed. Labels that there are not yet are made. The answer's `ETag` is the task's version.
    """
    task = add_task(values)
    answer = created_response(task, TASK, f"/api/v1/tasks/{task['id']}")
    db.session.commit()
    return answer


@blp.post("/batch")
@blp.arguments(BatchSchema, examples=BATCHES)
@blp.response(
    200,
    ResultsSchema,
    errors=("not_found", "in_trash", "quota_exceeded", "project_archived", "version_mismatch", "batch_too_large"),
)
@requires(Permission.TASK_WRITE)
@idempotent
def change_tasks(batch: dict[str, Any]) -> Response:
    """Create, update and delete up to 100 tasks: all of them, or none.

    They are done in the order given, and results come in that order. Where one fails, its error names it by `index`,
    and nothing has changed. Several operations change at most 20,000 rows together, subtasks included, or as many as
    this server is set to, and their results have at most 4 MiB (409 `batch_too_large` beyond).
    """
    response = json_response({"results": run(batch["operations"])}, 200, {}, etag=False)
    refuse_large_response(response)
    store_response(response)
    db.session.commit()
    return response


@blp.get("/summary")
@blp.response(200, SummarySchema, etag=True)
@requires(Permission.TASK_READ)
def show_summary() -> dict[str, Any]:
    """Count your tasks: by status, overdue, due today.

    A day is over when it is over in the time zone of your account.
    """
    return summarize()


@blp.get("/<uuid:task_id>")
@blp.response(200, TASK, etag=True)
@requires(Permission.TASK_READ)
def show_task(task_id: UUID) -> JsonRow:
    """Show one of your tasks."""
    return found_or_404(find_task(task_id))


@blp.patch("/<uuid:task_id>")
@blp.arguments(TASK_CHANGES, media_types=(JSON, MERGE_PATCH), examples=CHANGED)
@blp.response(200, TASK, etag=True, errors=("in_trash", "quota_exceeded", "project_archived", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def update_task(changes: dict[str, Any], task_id: UUID) -> Task:
    """Change one of your tasks: what is named changes, null clears, all else stays.

    With `If-Match` it changes only if nobody changed it since you read it; else 412 shows it as it is now, under
    `current`. Without, the last change wins.
    """
    task = get_owned_or_404(Task, task_id)
    require_match(task, TASK)
    change_task(task, changes)
    db.session.commit()
    return task


@blp.delete("/<uuid:task_id>")
@blp.arguments(DeletionSchema, location="query")
@blp.response(204, errors=("version_mismatch",))
@requires(Permission.TASK_WRITE)
def delete_task(query: dict[str, Any], task_id: UUID) -> None:
    """Put one of your tasks into the trash, all under it with it; or delete them for good.

    What lies in the trash is deleted for good after 30 days, or as many as this server was told.
    """
    task = get_owned_or_404(Task, task_id)
    require_match(task, TASK)
    if "permanent" in query:
        delete_tasks_permanently(Task.id == task_id)
    else:
        move_tasks_to_trash(Task.id == task_id, task_id, now())
    db.session.commit()


@blp.post("/<uuid:task_id>/restore")
@blp.response(200, TASK, etag=True, errors=("in_trash", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def restore_task(task_id: UUID) -> Task:
    """Take one of your tasks back out of the trash, with all that went there with it."""
    task = get_owned_or_404(Task, task_id)
    require_match(task, TASK)
    if task.deleted_at is not None:
        restore_task_tree(task)
        db.session.refresh(task)
    db.session.commit()
    return task
