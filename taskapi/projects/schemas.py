"""The schemas of projects, and of the query of their list."""

from marshmallow import Schema, fields

from taskapi.api.fields import BodySchema, Color, Flag, Instant, PatchSchema, QueryFlag, Switch, Text
from taskapi.api.openapi_examples import PROJECT_ID
from taskapi.resources.pagination import PageSchema


class TaskCountsSchema(Schema):
    """The numbers of tasks by status, without the trash."""

    todo = fields.Integer(metadata={"example": 12})
    in_progress = fields.Integer(metadata={"example": 2})
    done = fields.Integer(metadata={"example": 31})
    cancelled = fields.Integer(metadata={"example": 1})


class ProjectSchema(Schema):
    """A project."""

    derived = True  # it also shows the numbers of its tasks

    id = fields.UUID(dump_only=True, metadata={"example": PROJECT_ID})
    name = Text(
        1,
        100,
        required=True,
        metadata={"example": "Garden", "description": "Unique among your projects, ignoring case."},
    )
    description = Text(
        0, 2000, multiline=True, allow_none=True, metadata={"never_null": True, "example": "All that grows."}
    )
    color = Color(allow_none=True)
    archived = Flag(
        metadata={
            "description": "An archived project accepts no new tasks (409 `project_archived`). Its tasks can still be "
            "changed, but lists and counts leave them out unless `archived=true` or `project_id` names the project."
        },
    )
    task_counts = fields.Nested(TaskCountsSchema, dump_only=True)
    created_at = Instant(dump_only=True)
    updated_at = Instant(dump_only=True)
    deleted_at = Instant(dump_only=True, allow_none=True, metadata={"description": "When it was moved to the trash."})
    version = fields.Integer(
        dump_only=True,
        metadata={"description": "The version, which every change increases.", "example": 7},
    )


class ProjectCreateSchema(BodySchema, ProjectSchema):
    """A new project. Only the name is required."""


class ProjectPatchSchema(PatchSchema, ProjectSchema):
    """The changes of a project. Fields that are not named keep their value; null clears a field."""


class ProjectRestoreSchema(BodySchema):
    """The restoration of a project from the trash, optionally with a new name.

    The other fields of a project are accepted and ignored, so that you can send back a project that you have read.
    """

    read_only = tuple(ProjectSchema().fields)

    name = Text(
        1,
        100,
        metadata={"example": "Garden, the old one", "description": "A new name, if another project has the old one."},
    )


PROJECT = ProjectSchema()
NEW_PROJECT = ProjectCreateSchema()
PROJECT_CHANGES = ProjectPatchSchema()
CREATED = {
    "Only a name": {"name": "Garden"},
    "With more fields": {"name": "House", "description": "Roof and cellar.", "color": "#3366ff"},
}
CHANGED = {"Archived": {"archived": True}, "Another name": {"name": "Garden and balcony"}}
RESTORED = {"With its name": {}, "With another name": {"name": "Garden, the old one"}}
NAMES = tuple(PROJECT.dump_fields)


class ProjectQuerySchema(PageSchema):
    """The filters of a list of projects, which is sorted by name."""

    archived = QueryFlag(
        metadata={"description": "`true`: only archived projects. `false`: only the others. Without it: all."}
    )
    deleted = Switch(metadata={"description": "`true` lists the trash instead."})


class ProjectPageSchema(Schema):
    """A page of projects."""

    items = fields.List(fields.Nested(ProjectSchema))
    next_cursor = fields.String(allow_none=True, metadata={"description": "Null on the last page."})
