"""/tasks: your tasks."""

from typing import Any
from uuid import UUID

from flask import Response

from taskapi.api import Blueprint
from taskapi.api.fields import DeletionSchema
from taskapi.api.parsing import JSON, MERGE_PATCH
from taskapi.database import JsonRow, db, now
from taskapi.resources.crud import Resource
from taskapi.resources.idempotency import created_response, idempotent
from taskapi.resources.pagination import next_link
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.tasks.edit import add_task, change_task
from taskapi.tasks.models import Task
from taskapi.tasks.queries import count_subtasks, find_tasks, summarize
from taskapi.tasks.schemas import (
    CHANGED,
    CREATED,
    NEW_TASK,
    TASK,
    TASK_CHANGES,
    SubtaskCountsListSchema,
    SubtaskCountsQuerySchema,
    SummarySchema,
    TaskPageSchema,
    TaskQuerySchema,
)
from taskapi.tasks.tree import delete_tasks_permanently, move_tasks_to_trash, restore_task_tree

tasks = Resource("/api/v1/tasks", Task, TASK, ())  # lists of tasks have filters and sort orders of their own
blp = Blueprint("tasks", __name__, url_prefix=tasks.url, description="Your tasks.")


@blp.get("")
@blp.arguments(TaskQuerySchema, location="query")
@blp.response(200, TaskPageSchema, etag=True, headers=("Link",))
@requires(Permission.TASK_READ)
def list_tasks(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List your tasks.

    A task must meet all filters. `status`, `priority`, `label`, `exclude_label` and `without` may be repeated. Send
    `next_cursor` with the same filters and sort order to get the next page. No task is skipped or repeated while tasks
    are added.
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

    Only the title is required. Labels that do not exist are created. The `ETag` of the response is the version of the
    task.
    """
    task = add_task(values)
    answer = created_response(task, TASK, f"{tasks.url}/{task['id']}")
    db.session.commit()
    return answer


@blp.get("/summary")
@blp.response(200, SummarySchema, etag=True)
@requires(Permission.TASK_READ)
def show_summary() -> dict[str, Any]:
    """Count your tasks by status, and those that are overdue or due today.

    Days are those of your account's time zone.
    """
    return summarize()


@blp.get("/subtask-counts")
@blp.arguments(SubtaskCountsQuerySchema, location="query")
@blp.response(200, SubtaskCountsListSchema, etag=True)
@requires(Permission.TASK_READ)
def list_subtask_counts(query: dict[str, Any]) -> dict[str, Any]:
    """Count the direct subtasks of up to 100 of your tasks, and those that are done.

    Tasks without subtasks are left out, and so are tasks that do not exist.
    """
    return {"items": count_subtasks(query["task_id"])}


@blp.get("/<uuid:task_id>")
@blp.response(200, TASK, etag=True)
@requires(Permission.TASK_READ)
def show_task(task_id: UUID) -> JsonRow:
    """Show one of your tasks."""
    return tasks.get(task_id)


@blp.patch("/<uuid:task_id>")
@blp.arguments(TASK_CHANGES, media_types=(JSON, MERGE_PATCH), examples=CHANGED)
@blp.response(200, TASK, etag=True, errors=("in_trash", "quota_exceeded", "project_archived", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def update_task(changes: dict[str, Any], task_id: UUID) -> Task:
    """Change one of your tasks. Fields that are not named keep their value; null clears a field.

    With `If-Match`, the task changes only if it still has that version; otherwise the response is 412 with the task
    under `current`. Without `If-Match`, the last change wins.
    """
    task = tasks.lock(task_id)
    change_task(task, changes)
    db.session.commit()
    return task


@blp.delete("/<uuid:task_id>")
@blp.arguments(DeletionSchema, location="query")
@blp.response(204, errors=("version_mismatch",), current=TASK)
@requires(Permission.TASK_WRITE)
def delete_task(query: dict[str, Any], task_id: UUID) -> None:
    """Move one of your tasks and its subtasks to the trash, or delete them permanently.

    Tasks in the trash are deleted permanently after 30 days, unless the server has another limit.
    """
    tasks.lock(task_id)
    if "permanent" in query:
        delete_tasks_permanently(Task.id == task_id)
    else:
        move_tasks_to_trash(Task.id == task_id, task_id, now())
    db.session.commit()


@blp.post("/<uuid:task_id>/restore")
@blp.response(200, TASK, etag=True, errors=("in_trash", "version_mismatch"))
@requires(Permission.TASK_WRITE)
def restore_task(task_id: UUID) -> Task:
    """Restore one of your tasks from the trash, with the subtasks that were deleted with it."""
    task = tasks.lock(task_id)
    if task.deleted_at is not None:
        restore_task_tree(task)
        db.session.refresh(task)
    db.session.commit()
    return task
