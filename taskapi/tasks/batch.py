"""Batches: several changes of tasks in one transaction."""

from typing import Any, Final
from uuid import UUID

from flask import Response
from marshmallow import Schema, ValidationError, fields, post_load
from marshmallow.validate import Length

from taskapi.api import dump, problem, reject_version
from taskapi.api.errors import Problem
from taskapi.api.fields import Choice, Whole
from taskapi.api.openapi_examples import TASK_ID
from taskapi.config import settings
from taskapi.database import now
from taskapi.resources.ownership import get_owned_or_404
from taskapi.resources.versions import advance_counter, lock_owner
from taskapi.security.tokens import caller
from taskapi.tasks.edit import add_task, change_task
from taskapi.tasks.models import Task
from taskapi.tasks.schemas import NEW_TASK, TASK, TASK_CHANGES, TaskSchema
from taskapi.tasks.trash import move_tasks_to_trash

MAX_RESPONSE_BYTES: Final = 4 * 1024 * 1024


class OperationSchema(Schema):
    """An operation: `create` requires `data`, `update` requires `id` and `data`, `delete` requires `id`."""

    op = Choice(["create", "update", "delete"], required=True)
    id = fields.UUID(metadata={"description": "The id of the task. `create` sets it."})
    if_match = Whole(0, 2**63 - 1, metadata={"description": "The version that the task must have; 412 otherwise."})
    data = fields.Dict(metadata={"description": "The body of POST for `create`, of PATCH for `update`."})

    @post_load
    def check(self, operation: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Check the fields that this kind of operation requires, and load its data."""
        needed, schema = _KINDS[operation["op"]]
        errors: dict[str, Any] = {name: ["Missing data for required field."] for name in needed - operation.keys()}
        errors |= {name: ["Unknown field."] for name in operation.keys() - needed - {"op", "if_match"}}
        if operation["op"] == "create" and "if_match" in operation:
            errors["if_match"] = ["Unknown field."]
        if schema and "data" in operation:
            try:
                operation["data"] = schema.load(operation["data"])
            except ValidationError as error:
                errors["data"] = error.messages
        if errors:
            raise ValidationError(errors)
        return operation


_KINDS: dict[str, tuple[set[str], Schema | None]] = {
    "create": ({"data"}, NEW_TASK),
    "update": ({"id", "data"}, TASK_CHANGES),
    "delete": ({"id"}, None),
}


class BatchSchema(Schema):
    """Up to 100 operations, in their order."""

    operations = fields.List(fields.Nested(OperationSchema), required=True, validate=Length(1, 100))


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


class ResultSchema(Schema):
    """The result of an operation."""

    op = Choice(["create", "update", "delete"])
    id = fields.UUID(metadata={"example": TASK_ID})
    data = fields.Nested(
        TaskSchema, allow_none=True, metadata={"description": "The task after the operation; null if it was deleted."}
    )


class ResultsSchema(Schema):
    """The results, in the order of the operations."""

    results = fields.List(fields.Nested(ResultSchema))


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
        return {"op": op, "id": id, "data": None}
    if op == "update":
        change_task(task, data)
    return {"op": op, "id": task.id, "data": dump(task, TASK)}
