"""What a label looks like, and what the list of them can be asked for."""

from marshmallow import Schema, fields

from taskapi.api.fields import BodySchema, Color, Instant, PatchSchema, Switch, Text
from taskapi.api.openapi_examples import LABEL_ID
from taskapi.resources.pagination import PageSchema


class LabelSchema(Schema):
    """A label."""

    derived = True  # it shows counts of tasks beside its row

    id = fields.UUID(dump_only=True, metadata={"example": LABEL_ID})
    name = Text(1, 50, required=True, metadata={"example": "home", "description": "Unique, in any case."})
    color = Color(allow_none=True)
    task_count = fields.Integer(
        dump_only=True,
        metadata={
            "description": "How many tasks have it, without the trash and without archived projects.",
            "example": 3,
        },
    )
    created_at = Instant(dump_only=True)
    updated_at = Instant(dump_only=True)
    deleted_at = Instant(dump_only=True, allow_none=True, metadata={"description": "When it went into the trash."})
    version = fields.Integer(
        dump_only=True, metadata={"description": "Your change number when it last changed.", "example": 7}
    )


class LabelCreateSchema(BodySchema, LabelSchema):
    """A new label. Only a name is needed."""


class LabelPatchSchema(PatchSchema, LabelSchema):
    """What changes in a label: the fields that are named. Null clears one."""


class LabelRestoreSchema(BodySchema):
    """How a label comes back from the trash: as it went there, except for its name.

    The other fields of a label are accepted and ignored, so that one that was read can be sent back.
    """

    read_only = tuple(LabelSchema().fields)

    name = Text(1, 50, metadata={"example": "old home", "description": "A new name, if the old one was taken."})


LABEL = LabelSchema()
NEW_LABEL = LabelCreateSchema()
LABEL_CHANGES = LabelPatchSchema()
CREATED = {"A name is enough": {"name": "errand"}, "With a colour": {"name": "call", "color": "#3366ff"}}
CHANGED = {"Another name": {"name": "household"}, "No colour": {"color": None}}
RESTORED = {"Under its own name": {}, "Under another name": {"name": "old home"}}
NAMES = tuple(LABEL.dump_fields)


class LabelQuerySchema(PageSchema):
    """Which labels; they come by name."""

    deleted = Switch(metadata={"description": "The trash instead."})


class LabelPageSchema(Schema):
    """A page of labels."""

    items = fields.List(fields.Nested(LabelSchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})
