"""The filter, the changes and the results."""

from typing import ClassVar

from marshmallow import Schema, fields
from marshmallow.validate import Equal

from taskapi.api.fields import BodySchema, Text, Variant, Whole
from taskapi.tasks.schemas import TASK_CHANGES, TaskQuerySchema

MAX_TASKS = 1_000
FILTER = TaskQuerySchema(exclude=("limit", "cursor", "sort"))


class CountSchema(Schema):
    """How many tasks a filter finds."""

    count = fields.Integer(metadata={"example": 12})


class _ChangeSchema(BodySchema):
    count = Whole(
        0,
        MAX_TASKS,
        required=True,
        metadata={"description": "How many tasks you expect to change, from `GET /tasks/count`; 409 otherwise."},
    )


class UpdateTasksSchema(_ChangeSchema):
    """Change fields of each task, as PATCH does."""

    op = fields.String(required=True, validate=Equal("update"))
    data = fields.Nested(TASK_CHANGES, required=True)


class AddLabelSchema(_ChangeSchema):
    """Add a label to each task, beside those that it has. A label that does not exist is created."""

    op = fields.String(required=True, validate=Equal("add_label"))
    label = Text(1, 50, required=True)


class RemoveLabelSchema(_ChangeSchema):
    """Remove a label from each task. The other labels stay."""

    op = fields.String(required=True, validate=Equal("remove_label"))
    label = Text(1, 50, required=True)


class TrashTasksSchema(_ChangeSchema):
    """Move each task to the trash, with its subtasks."""

    op = fields.String(required=True, validate=Equal("trash"))


class RestoreTasksSchema(_ChangeSchema):
    """Restore each task from the trash, with the subtasks that were deleted with it."""

    op = fields.String(required=True, validate=Equal("restore"))


class BulkChangeVariant(Variant):
    """A change of all tasks that the filter finds."""

    by = "op"
    schemas: ClassVar = {
        "update": UpdateTasksSchema(),
        "add_label": AddLabelSchema(),
        "remove_label": RemoveLabelSchema(),
        "trash": TrashTasksSchema(),
        "restore": RestoreTasksSchema(),
    }


class BulkSchema(BodySchema):
    """A change of all tasks that the filter finds."""

    change = BulkChangeVariant(required=True)


CHANGES = {
    "Complete 12 tasks": {"change": {"op": "update", "count": 12, "data": {"status": "done"}}},
    "Add a label": {"change": {"op": "add_label", "count": 3, "label": "home"}},
    "Move tasks to the trash": {"change": {"op": "trash", "count": 3}},
}
