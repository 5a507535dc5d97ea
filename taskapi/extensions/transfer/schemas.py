"""The schemas of tasks, projects and labels in a file, and of imports and exports."""

from collections.abc import Iterator, Sequence
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length
from sqlalchemy import Row

from taskapi.api.fields import BodySchema, Color, Flag, Instant, Switch, Text
from taskapi.api.openapi_examples import MOMENT, response_example
from taskapi.audit.schemas import AuditEntrySchema
from taskapi.labels.schemas import LABEL
from taskapi.projects.schemas import PROJECT
from taskapi.tasks.models import Status
from taskapi.tasks.schemas import TaskSchema
from taskapi.users.schemas import AccountSchema

MOST_ROWS = 20_000


class FileTaskSchema(BodySchema, TaskSchema):
    """A task in a file. It names its project by name, and its parent by the `id` in the file."""

    read_only = ("project_id", "deleted_at", "version")

    id = Text(  # type: ignore[assignment]
        1,
        64,
        metadata={
            "description": "The id in the file, for `parent_id`. An import creates new ids.",
            "example": "1",
        },
    )
    project = Text(
        1,
        100,
        allow_none=True,
        metadata={
            "description": "A project's name; an unknown one is created. A subtask is in the project of its parent.",
            "example": "Balcony",
        },
    )
    parent_id = Text(  # type: ignore[assignment]
        1, 64, allow_none=True, metadata={"description": "The id of another row of the file."}
    )
    created_at = Instant(allow_none=True)
    updated_at = Instant(allow_none=True, metadata={"description": "For information; an import ignores it."})
    completed_at = Instant(allow_none=True, metadata={"description": "Only with the status `done`."})

    class Meta:
        exclude = ("project_id", "deleted_at", "version")

    @validates_schema
    def completed_when_done(self, task: dict[str, Any], **_: Any) -> None:
        """Reject a completion time of a task that is not done."""
        if task.get("completed_at") and task.get("status") != Status.DONE:
            raise ValidationError("Only a task with the status done can have it.", "completed_at")

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def project_by_name(self, _task: dict[str, Any], original: Any, **_: Any) -> None:
        """Reject a `project_id` without `project`, because the task would lose its project."""
        if isinstance(original, dict) and original.get("project_id") is not None and not original.get("project"):
            raise ValidationError("Name the project in `project` instead.", "project_id")


FILE_TASK = FileTaskSchema()
NAMES = tuple(FILE_TASK.fields)
Chunks = Iterator[Sequence[Row[Any]]]  # tasks, a few at a time, with these names as columns


class FileProjectSchema(BodySchema):
    """A project in a file. Tasks of the file name it by its name."""

    read_only = tuple(PROJECT.fields)

    name = Text(1, 100, required=True, metadata={"example": "Balcony", "description": "Unique, ignoring case."})
    description = Text(
        0, 2000, multiline=True, allow_none=True, load_default="", metadata={"example": "Pots and tubs."}
    )
    color = Color(allow_none=True)
    archived = Flag(load_default=False, metadata={"description": "An import adds tasks to it even if true."})


class FileLabelSchema(BodySchema):
    """A label in a file. Tasks of the file name it by its name."""

    read_only = tuple(LABEL.fields)

    name = Text(1, 50, required=True, metadata={"example": "home", "description": "Unique, ignoring case."})
    color = Color(allow_none=True)


class FileSchema(Schema):
    """A file of tasks, with the projects and labels that they are in.

    `projects` and `labels` may be left out: a project or label that only tasks name is created with this name alone.
    Fields that a task, project or label shows elsewhere (`version`, `task_counts`, …) are accepted and ignored.
    `project_id` is ignored too, if it is null or the task has a `project`.
    """

    projects = fields.List(fields.Nested(FileProjectSchema), validate=Length(0, MOST_ROWS))
    labels = fields.List(fields.Nested(FileLabelSchema), validate=Length(0, MOST_ROWS))
    tasks = fields.List(fields.Nested(FileTaskSchema), required=True, validate=Length(0, MOST_ROWS))


FILE_SCHEMAS: dict[str, Schema] = {"tasks": FILE_TASK, "projects": FileProjectSchema(), "labels": FileLabelSchema()}
FILE_EXAMPLE = response_example(FileSchema())
TABLE_EXAMPLE = f"""{",".join(NAMES)}
1,Water the plants,Those on the balcony too.,todo,high,2030-06-01,,,home,{MOMENT},{MOMENT},,Balcony
"""
CALENDAR_EXAMPLE = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Task API//Tasks//EN
BEGIN:VTODO
UID:01980a5c-3f00-7a10-8c4e-5d1f0a2b3c03
DTSTAMP:20300131T090000Z
SUMMARY:Water the plants
STATUS:NEEDS-ACTION
PRIORITY:3
DUE;VALUE=DATE:20300601
END:VTODO
END:VCALENDAR
"""


class UploadSchema(Schema):
    """A form with one file."""

    file = fields.String(required=True, metadata={"format": "binary", "description": "The CSV file, in UTF-8."})


class ImportQuerySchema(Schema):
    """The options of an import."""

    dry_run = Switch(
        metadata={"description": "Check the file and report what an import would create, but store nothing."}
    )


class ImportedSchema(Schema):
    """What an import has created, or would create."""

    created = fields.Integer(metadata={"description": "The number of new tasks.", "example": 2})
    projects = fields.Integer(metadata={"description": "The number of new projects.", "example": 1})
    labels = fields.Integer(metadata={"description": "The number of new labels.", "example": 0})
    dry_run = fields.Boolean()


class ExportSchema(Schema):
    """All data of your account: the account, and each table with your rows under the name of the table."""

    class Meta:
        """Allow other members: one for each table."""

        unknown = INCLUDE

    exported_at = Instant(dump_only=True)
    account = fields.Nested(AccountSchema)
    activity = fields.List(fields.Nested(AuditEntrySchema))
