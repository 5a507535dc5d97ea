"""What tasks, projects and labels look like in a file."""

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
    """A task in a file. It belongs to a project by its name, and to another task by that one's id in the file."""

    read_only = ("project_id", "deleted_at", "version")

    id = Text(  # type: ignore[assignment]
        1,
        64,
        metadata={"description": "What other rows call this one. An import gives ids of its own.", "example": "1"},
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
    updated_at = Instant(allow_none=True, metadata={"description": "For you to read; an import leaves it aside."})
    completed_at = Instant(allow_none=True, metadata={"description": "Of a task that is done."})

    class Meta:
        exclude = ("project_id", "deleted_at", "version")

    @validates_schema
    def completed_when_done(self, task: dict[str, Any], **_: Any) -> None:
        """Refuse a completion of what is not done."""
        if task.get("completed_at") and task.get("status") != Status.DONE:
            raise ValidationError("Only a task that is done has one.", "completed_at")

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def project_by_name(self, _task: dict[str, Any], original: Any, **_: Any) -> None:
        """Refuse a project that only its id names: the task would lose it."""
        if isinstance(original, dict) and original.get("project_id") is not None and not original.get("project"):
            raise ValidationError("A file names a project by its name, in `project`.", "project_id")


FILE_TASK = FileTaskSchema()
NAMES = tuple(FILE_TASK.fields)
Chunks = Iterator[Sequence[Row[Any]]]  # tasks, a few at a time, with these names as columns


class FileProjectSchema(BodySchema):
    """A project in a file. Tasks of the file name it by its name."""

    read_only = tuple(PROJECT.fields)

    name = Text(1, 100, required=True, metadata={"example": "Balcony", "description": "Unique, in any case."})
    description = Text(
        0, 2000, multiline=True, allow_none=True, load_default="", metadata={"example": "Pots and tubs."}
    )
    color = Color(allow_none=True)
    archived = Flag(load_default=False, metadata={"description": "The tasks of the file are added to it even so."})


class FileLabelSchema(BodySchema):
    """A label in a file. Tasks of the file name it by its name."""

    read_only = tuple(LABEL.fields)

    name = Text(1, 50, required=True, metadata={"example": "home", "description": "Unique, in any case."})
    color = Color(allow_none=True)


class FileSchema(Schema):
    """A file of tasks, with the projects and labels that they are in.

    `projects` and `labels` may be left out: a name that only a task gives is created without other properties.
    Fields that a task, project or label shows elsewhere (`version`, `task_counts`, …) are accepted and ignored; so is
    `project_id` if it is null or `project` names the project.
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
    """Whether to keep what the import does."""

    dry_run = Switch(
        metadata={"description": "Check the file and report what would be created, and keep nothing of it."}
    )


class ImportedSchema(Schema):
    """What an import has made, or would make."""

    created = fields.Integer(metadata={"description": "How many tasks.", "example": 2})
    projects = fields.Integer(metadata={"description": "How many projects that there were not yet.", "example": 1})
    labels = fields.Integer(metadata={"description": "How many labels that there were not yet.", "example": 0})
    dry_run = fields.Boolean()


class ExportSchema(Schema):
    """Everything that is stored of you: your account, and under its name each table that has rows of yours."""

    class Meta:
        """Allow other members: one for each table."""

        unknown = INCLUDE

    exported_at = Instant(dump_only=True)
    account = fields.Nested(AccountSchema)
    activity = fields.List(fields.Nested(AuditEntrySchema))
