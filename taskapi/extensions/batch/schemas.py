"""Operations and their results, in requests and responses."""

from typing import ClassVar

from marshmallow import Schema, fields
from marshmallow.validate import Equal

from taskapi.api.fields import BodySchema, Items, Variant, Whole
from taskapi.api.openapi_examples import TASK_ID, response_example
from taskapi.tasks.schemas import NEW_TASK, TASK_CHANGES, TaskSchema


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

    operations = fields.List(TaskOperationVariant(), required=True, validate=Items(1, 100))


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
