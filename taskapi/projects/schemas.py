"""What a project looks like, and what the list of them can be asked for."""

from marshmallow import Schema, fields

from taskapi.api.fields import Choice, Color, Flag, Instant, Text
from taskapi.api.pages import PageSchema


class TaskCountsSchema(Schema):
    """How many tasks there are of each status, the trash left out."""

    todo = fields.Integer()
    in_progress = fields.Integer()
    done = fields.Integer()
    cancelled = fields.Integer()


class ProjectSchema(Schema):
    """A project."""

    id = fields.UUID(dump_only=True)
    name = Text(1, 100, required=True, metadata={"example": "Garden", "description": "Unique, in any case."})
    description = Text(0, 2000, multiline=True, allow_none=True, load_default="")
    color = Color(allow_none=True)
    archived = Flag(load_default=False)
    task_counts = fields.Nested(TaskCountsSchema, dump_only=True)
    created_at = Instant(dump_only=True)
    updated_at = Instant(dump_only=True)
    deleted_at = Instant(dump_only=True, allow_none=True, metadata={"description": "When it went into the trash."})
    version = fields.Integer(dump_only=True, metadata={"description": "Your change number when it last changed."})


PROJECT = ProjectSchema()
PROJECT_CHANGES = ProjectSchema(partial=True)
NAMES = tuple(PROJECT.dump_fields)


class ProjectQuerySchema(PageSchema):
    """Which projects; they come by name."""

    archived = Choice(["true", "false"])
    deleted = Choice(["true"], metadata={"description": "The trash instead."})


class ProjectPageSchema(Schema):
    """A page of projects."""

    items = fields.List(fields.Nested(ProjectSchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})
