"""What a project looks like, and what the list of them can be asked for."""

from marshmallow import Schema, fields

from taskapi.api.fields import BodySchema, Color, Flag, Instant, PatchSchema, QueryFlag, Switch, Text
from taskapi.api.openapi_examples import PROJECT_ID
from taskapi.resources.pagination import PageSchema


class TaskCountsSchema(Schema):
    """How many tasks there are of each status, the trash left out."""

    todo = fields.Integer(metadata={"example": 12})
    in_progress = fields.Integer(metadata={"example": 2})
    done = fields.Integer(metadata={"example": 31})
    cancelled = fields.Integer(metadata={"example": 1})


class ProjectSchema(Schema):
    """A project."""

    derived = True  # it shows counts of tasks beside its row

    id = fields.UUID(dump_only=True, metadata={"example": PROJECT_ID})
    name = Text(1, 100, required=True, metadata={"example": "Garden", "description": "Unique, in any case."})
    description = Text(0, 2000, multiline=True, allow_none=True, metadata={"example": "All that grows."})
    color = Color(allow_none=True)
    archived = Flag(
        metadata={
            "description": "An archived project takes no new tasks (409 `project_archived`). Its tasks can still be "
            "changed, but lists and counts leave them out unless `archived=true` or the project is asked for."
        },
    )
    task_counts = fields.Nested(TaskCountsSchema, dump_only=True)
    created_at = Instant(dump_only=True)
    updated_at = Instant(dump_only=True)
    deleted_at = Instant(dump_only=True, allow_none=True, metadata={"description": "When it went into the trash."})
    version = fields.Integer(
        dump_only=True, metadata={"description": "Your change number when it last changed.", "example": 7}
    )


class ProjectCreateSchema(BodySchema, ProjectSchema):
    """A new project. Only a name is needed."""


class ProjectPatchSchema(PatchSchema, ProjectSchema):
    """What changes in a project: the fields that are named. Null clears one."""


class ProjectRestoreSchema(BodySchema):
    """How a project comes back from the trash: as it went there, except for its name.

    The other fields of a project are accepted and ignored, so that one that was read can be sent back.
    """

    read_only = tuple(ProjectSchema().fields)

    name = Text(
        1, 100, metadata={"example": "Garden, the old one", "description": "A new name, if the old one was taken."}
    )


PROJECT = ProjectSchema()
NEW_PROJECT = ProjectCreateSchema()
PROJECT_CHANGES = ProjectPatchSchema()
CREATED = {
    "A name is enough": {"name": "Garden"},
    "With what there is to say": {"name": "House", "description": "Roof and cellar.", "color": "#3366ff"},
}
CHANGED = {"Archived": {"archived": True}, "Another name": {"name": "Garden and balcony"}}
RESTORED = {"Under its own name": {}, "Under another name": {"name": "Garden, the old one"}}
NAMES = tuple(PROJECT.dump_fields)


class ProjectQuerySchema(PageSchema):
    """Which projects; they come by name."""

    archived = QueryFlag(
        metadata={"description": "`true`: only archived projects. `false`: only the others. Without it: all."}
    )
    deleted = Switch(metadata={"description": "The trash instead."})


class ProjectPageSchema(Schema):
    """A page of projects."""

    items = fields.List(fields.Nested(ProjectSchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})
