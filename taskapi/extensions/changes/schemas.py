"""The schemas of the change feed."""

from typing import ClassVar

from marshmallow import Schema, fields
from marshmallow.validate import Equal

from taskapi.api.fields import Text, Variant, Whole
from taskapi.api.openapi_examples import TASK_ID
from taskapi.labels.schemas import LabelSchema
from taskapi.projects.schemas import ProjectSchema
from taskapi.tasks.schemas import TaskSchema


class SinceSchema(Schema):
    """The start and the size of a page of changes."""

    since = Text(
        1,
        50,
        metadata={
            "pattern": "^([0-9]{1,18}(-[0-9]{1,18})?|now)$",
            "example": "7",
            "description": "The cursor of the last response. Without it, all changes. `now`: no changes, and the "
            "current cursor.",
        },
    )
    limit = Whole(1, 100, load_default=100, metadata={"description": "The maximum number of changes.", "example": 100})


class TaskChangeSchema(Schema):
    """A task after its last change."""

    type = fields.String(validate=Equal("task"))
    id = fields.UUID(metadata={"example": TASK_ID})
    deleted = fields.Boolean(metadata={"description": "Whether it is in the trash or purged."})
    data = fields.Nested(
        TaskSchema, allow_none=True, metadata={"description": "As GET shows it; null if it was deleted."}
    )


class ProjectChangeSchema(TaskChangeSchema):
    """A project after its last change."""

    type = fields.String(validate=Equal("project"))
    data = fields.Nested(ProjectSchema, allow_none=True)


class LabelChangeSchema(TaskChangeSchema):
    """A label after its last change."""

    type = fields.String(validate=Equal("label"))
    data = fields.Nested(LabelSchema, allow_none=True)


class ChangeVariant(Variant):
    """A task, project or label after its last change. A deleted one, in the trash or purged, has only its id."""

    by = "type"
    schemas: ClassVar = {"task": TaskChangeSchema(), "project": ProjectChangeSchema(), "label": LabelChangeSchema()}


class ChangesSchema(Schema):
    """Changes, oldest first, each resource once. A changed count in a project or label is not a change by itself."""

    changes = fields.List(ChangeVariant())
    cursor = fields.String(metadata={"description": "Where the next page starts.", "example": "7"})
    has_more = fields.Boolean(metadata={"description": "Whether there is another page."})
