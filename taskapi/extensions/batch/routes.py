"""The route /tasks/batch."""

from typing import Any, Final

from flask import Response

from taskapi.api import Blueprint, json_response
from taskapi.api.blueprint import runs_within
from taskapi.api.concurrency import ConcurrencyLimit
from taskapi.database import db
from taskapi.extensions.batch.operations import refuse_large_response, run
from taskapi.extensions.batch.schemas import BATCHES, RESULTS, BatchResultsSchema, BatchSchema
from taskapi.resources.idempotency import idempotent, store_response
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.tasks.schemas import TASK

RUNNING_BATCHES: Final = ConcurrencyLimit("batches", per_process=2)

blp = Blueprint("batch", __name__, url_prefix="/api/v1/tasks", tag="tasks")


@blp.post("/batch")
@blp.arguments(BatchSchema, examples=BATCHES)
@blp.response(
    200,
    BatchResultsSchema,
    examples=RESULTS,
    errors=("not_found", "in_trash", "quota_exceeded", "project_archived", "version_mismatch", "batch_too_large"),
    current=TASK,
)
@requires(Permission.TASK_WRITE)
@runs_within(RUNNING_BATCHES)
@idempotent
def change_tasks(batch: dict[str, Any]) -> Response:
    """Create, update and delete up to 100 tasks: all of them, or none.

    The operations are applied in their order, and so are the results. If one fails, nothing changes, and the error has
    its `index`. Several operations change at most 20,000 rows together, subtasks included, unless the server has
    another limit. The results have at most 4 MiB. Beyond that the response is 409 `batch_too_large`.
    """
    response = json_response({"results": run(batch["operations"])}, 200, {}, etag=False)
    refuse_large_response(response)
    store_response(response)
    db.session.commit()
    return response
