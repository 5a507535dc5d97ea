"""Batches: several changes of tasks in one transaction."""

from typing import Any, ClassVar, Final
from uuid import UUID

from flask import Response
from marshmallow import Schema, fields
from marshmallow.validate import Equal, Length

from taskapi.api import dump, problem, reject_version
from taskapi.api.concurrency import ConcurrencyLimit
from taskapi.api.errors import Problem
from taskapi.api.fields import BodySchema, Variant, Whole
from taskapi.api.openapi_examples import TASK_ID, response_example
from taskapi.config import settings
from taskapi.database import now
from taskapi.resources.ownership import advance_counter, get_owned_or_404, lock_owner
from taskapi.security.tokens import caller
from taskapi.tasks.edit import add_task, change_task
from taskapi.tasks.models import Task
from taskapi.tasks.schemas import NEW_TASK, TASK, TASK_CHANGES, TaskSchema
from taskapi.tasks.trash import move_tasks_to_trash

MAX_RESPONSE_BYTES: Final = 4 * 1024 * 1024
RUNNING_BATCHES: Final = ConcurrencyLimit("batches", per_process=2)


class _OperationSchema(BodySchema):
    id = fields.UUID(required=True, metadata={"description": "The id of the task.", "example": TASK_ID})
    if_match = Whole(0, 2**63 - 1, metadata={"description": "The version that the task must have; 412 otherwise."})


class CreateTaskSchema(BodySchema):
    """An operation that adds a task, as `POST /tasks` does."""

    op = fields.String(required=True, validate=Equal("create"))
    data = fields.Nested(NEW_TASK, required=True)


class UpdateTaskSchema(_OperationSchema):
    """An operation that changes a task, as PATCH does."""

    op = fields.String(required=True, validate=Equal("update"))
    data = fields.Nested(TASK_CHANGES, required=True)


class DeleteTaskSchema(_OperationSchema):
    """An operation that moves a task to the trash."""

    op = fields.String(required=True, validate=Equal("delete"))


class TaskOperationVariant(Variant):
    """An operation of a batch."""

    by = "op"
    schemas: ClassVar = {"create": CreateTaskSchema(), "update": UpdateTaskSchema(), "delete": DeleteTaskSchema()}


class BatchSchema(BodySchema):
    """Up to 100 operations, in their order."""

    operations = fields.List(TaskOperationVariant(), required=True, validate=Length(1, 100))


BATCHES = {
    "Add two tasks": {
        "operations": [
            {"op": "create", "data": {"title": "Water the plants"}},
            {"op": "create", "data": {"title": "Feed the cat", "due_date": "2030-06-01"}},
        ]
    },
    "Complete a task that still has a version, and add one": {
        "operations": [
            {"op": "update", "id": TASK_ID, "if_match": 1, "data": {"status": "done"}},
            {"op": "create", "data": {"title": "Buy a bigger can"}},
        ]
    },
    "Move a task to the trash": {"operations": [{"op": "delete", "id": TASK_ID}]},
}


class TaskCreatedSchema(Schema):
    """The result of `create`."""

    op = fields.String(validate=Equal("create"))
    id = fields.UUID(metadata={"example": TASK_ID})
    data = fields.Nested(TaskSchema, metadata={"description": "The task after the operation."})


class TaskUpdatedSchema(TaskCreatedSchema):
    """The result of `update`."""

    op = fields.String(validate=Equal("update"))


class TaskDeletedSchema(Schema):
    """The result of `delete`."""

    op = fields.String(validate=Equal("delete"))
    id = fields.UUID(metadata={"example": TASK_ID})


class TaskResultVariant(Variant):
    """The result of an operation."""

    by = "op"
    schemas: ClassVar = {"create": TaskCreatedSchema(), "update": TaskUpdatedSchema(), "delete": TaskDeletedSchema()}


class BatchResultsSchema(Schema):
    """The results, in the order of the operations."""

    results = fields.List(TaskResultVariant())


RESULTS = {
    "A new task": response_example(BatchResultsSchema()),
    "A task moved to the trash": {"results": [response_example(TaskDeletedSchema())]},
}


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
    most = settings().max_batch_rows
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
