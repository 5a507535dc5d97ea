"""Apply the operations of a batch, in one transaction."""

from typing import Any, Final
from uuid import UUID

from flask import Response

from taskapi.api import dump, problem, reject_version
from taskapi.api.errors import Problem
from taskapi.database import now
from taskapi.extensions.batch.settings import batch_settings
from taskapi.resources.ownership import advance_counter, get_owned_or_404, lock_owner
from taskapi.security.tokens import caller
from taskapi.tasks.edit import add_task, change_task
from taskapi.tasks.models import Task
from taskapi.tasks.schemas import TASK
from taskapi.tasks.tree import move_tasks_to_trash

MAX_RESPONSE_BYTES: Final = 4 * 1024 * 1024


def run(operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Apply all operations in the session. Responds with the error of the first that fails, with its `index`."""
    owner_id = caller().id
    start = lock_owner(owner_id, 0).value
    results: list[dict[str, Any]] = []
    for index, operation in enumerate(operations):
        try:
            results.append(_apply(**operation))
            if len(operations) > 1:
                _refuse_too_many_rows(advance_counter(owner_id, 0).value - start)
        except Problem as error:
            error.members["index"] = index
            raise
    return results


def _refuse_too_many_rows(changed: int) -> None:
    most = batch_settings().max_batch_rows
    if changed > most:
        problem("batch_too_large", f"The operations so far change more than {most} rows, subtasks included.")


def refuse_large_response(response: Response) -> None:
    """Respond 409 if the results of a batch are too large."""
    if len(response.get_data()) > MAX_RESPONSE_BYTES:
        problem("batch_too_large", f"The results would have more than {MAX_RESPONSE_BYTES // 1024**2} MiB.")


def _apply(op: str, id: UUID | None = None, if_match: int | None = None, data: Any = None) -> dict[str, Any]:  # noqa: A002
    if id is None:
        added = add_task(data)
        return {"op": op, "id": added["id"], "data": added}
    task = get_owned_or_404(Task, id)
    if if_match is not None and if_match != task.version:
        reject_version(task, TASK)
    if op == "delete":
        move_tasks_to_trash(Task.id == id, task.id, now())
        return {"op": op, "id": id}
    if op == "update":
        change_task(task, data)
    return {"op": op, "id": task.id, "data": dump(task, TASK)}
