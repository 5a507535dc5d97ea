"""The schemas of the change feed."""

from marshmallow import Schema, fields

from taskapi.api.fields import Choice, Text, Whole
from taskapi.api.openapi_examples import TASK_ID, response_example
from taskapi.tasks.schemas import TASK

TYPES = ("task", "project", "label")


class SinceSchema(Schema):
    """The start and the size of a page of changes."""

    since = Text(
        1,
        50,
        metadata={
            "pattern": "^([0-9]{1,18}(-[0-9]{1,18})?|now)$",
            "description": "The cursor of the last response. Without it, all changes. `now`: no changes, and the "
            "current cursor.",
        },
    )
    limit = Whole(1, 100, load_default=100, metadata={"description": "The maximum number of changes."})


class ChangeSchema(Schema):
    """A task, project or label after its last change. A deleted one, in the trash or purged, has only its id."""

    type = Choice(TYPES)
    id = fields.UUID(metadata={"example": TASK_ID})
    deleted = fields.Boolean()
    data = fields.Dict(
        allow_none=True,
        metadata={
            "description": "The resource as GET shows it; null if it was deleted.",
            "example": response_example(TASK),
        },
    )


class ChangesSchema(Schema):
    """Changes, oldest first, each resource once. A changed count in a project or label is not a change by itself."""

    changes = fields.List(fields.Nested(ChangeSchema))
    cursor = fields.String(metadata={"description": "Where the next page starts.", "example": "7"})
    has_more = fields.Boolean(metadata={"description": "Whether there is another page."})
