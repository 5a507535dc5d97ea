"""What the feed of changes looks like."""

from marshmallow import Schema, fields

from taskapi.api.examples import TASK_ID, answer_of
from taskapi.api.fields import Choice, Text, Whole
from taskapi.tasks.schemas import TASK

TYPES = ("task", "project", "label")


class SinceSchema(Schema):
    """From where on, and how much."""

    since = Text(
        1,
        50,
        metadata={
            "pattern": "^([0-9]{1,18}(-[0-9]{1,18})?|now)$",
            "description": "The cursor of the last response. Without it, all changes. `now`: no changes, and the "
            "current cursor.",
        },
    )
    limit = Whole(1, 100, load_default=100, metadata={"description": "How many at most."})


class ChangeSchema(Schema):
    """A task, project or label as it is since it last changed; of a deleted one, in the trash or gone, only its id."""

    type = Choice(TYPES)
    id = fields.UUID(metadata={"example": TASK_ID})
    deleted = fields.Boolean()
    data = fields.Dict(
        allow_none=True,
        metadata={"description": "As GET shows it; null if it was deleted.", "example": answer_of(TASK)},
    )


class ChangesSchema(Schema):
    """Changes, oldest first, each thing once. The counts in projects and labels make no change by themselves."""

    changes = fields.List(fields.Nested(ChangeSchema))
    cursor = fields.String(metadata={"description": "Where to go on.", "example": "7"})
    has_more = fields.Boolean(metadata={"description": "Whether there is more to be had at once."})
