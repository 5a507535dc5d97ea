"""The schemas of labels, and of the query of their list."""

from marshmallow import Schema, fields

from taskapi.api.fields import BodySchema, Color, Instant, PatchSchema, Switch, Text
from taskapi.api.openapi_examples import LABEL_ID
from taskapi.resources.pagination import PageSchema


class LabelSchema(Schema):
    """A label."""

    derived = True  # it also shows the number of its tasks

    id = fields.UUID(dump_only=True, metadata={"example": LABEL_ID})
    name = Text(
        1, 50, required=True, metadata={"example": "home", "description": "Unique among your labels, ignoring case."}
    )
    color = Color(allow_none=True)
    task_count = fields.Integer(
        dump_only=True,
        metadata={
            "description": "The number of tasks with it, without the trash and archived projects.",
            "example": 3,
        },
    )
    created_at = Instant(dump_only=True)
    updated_at = Instant(dump_only=True)
    deleted_at = Instant(dump_only=True, allow_none=True, metadata={"description": "When it was moved to the trash."})
    version = fields.Integer(
        dump_only=True,
        metadata={"description": "The version, which every change increases.", "example": 7},
    )


class LabelCreateSchema(BodySchema, LabelSchema):
    """A new label. Only the name is required."""


class LabelPatchSchema(PatchSchema, LabelSchema):
    """The changes of a label. Fields that are not named keep their value; null clears a field."""


class LabelRestoreSchema(BodySchema):
    """The restoration of a label from the trash, optionally with a new name.

    The other fields of a label are accepted and ignored, so that you can send back a label that you have read.
    """

    read_only = tuple(LabelSchema().fields)

    name = Text(1, 50, metadata={"example": "old home", "description": "A new name, if another label has the old one."})


LABEL = LabelSchema()
NEW_LABEL = LabelCreateSchema()
LABEL_CHANGES = LabelPatchSchema()
CREATED = {"Only a name": {"name": "errand"}, "With a colour": {"name": "call", "color": "#3366ff"}}
CHANGED = {"Another name": {"name": "household"}, "No colour": {"color": None}}
RESTORED = {"With its name": {}, "With another name": {"name": "old home"}}
NAMES = tuple(LABEL.dump_fields)


class LabelQuerySchema(PageSchema):
    """The filters of a list of labels, which is sorted by name."""

    deleted = Switch(metadata={"description": "`true` lists the trash instead."})


class LabelPageSchema(Schema):
    """A page of labels."""

    items = fields.List(fields.Nested(LabelSchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})
