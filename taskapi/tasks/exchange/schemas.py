"""What a task looks like in a file, and how files are asked for."""

from collections.abc import Iterator, Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length
from sqlalchemy import Row

from taskapi.api.examples import MOMENT, answer_of
from taskapi.api.fields import Choice, Instant, Text
from taskapi.tasks.models import Status
from taskapi.tasks.schemas import TaskSchema

MOST_ROWS = 20_000


class FileTaskSchema(TaskSchema):
    """A task in a file. It belongs to a project by its name, and to another task by that one's id in the file."""

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


FILE_TASK = FileTaskSchema()
NAMES = tuple(FILE_TASK.fields)
Chunks = Iterator[Sequence[Row[Any]]]  # tasks, a few at a time, with these names as columns


class Rows(fields.List[Any]):
    """Tasks of a file, as they came: each is judged by itself, so that as many errors can be told as help."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return value


class FileSchema(Schema):
    """A file of tasks."""

    tasks = Rows(fields.Nested(FileTaskSchema), required=True, validate=Length(0, MOST_ROWS))


FILE = FileSchema()
FILE_EXAMPLE = answer_of(FILE)
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


class ExportQuerySchema(Schema):
    """In which form."""

    format = Choice(["json", "csv", "ics"], load_default="json", metadata={"description": "JSON, CSV or iCalendar."})


class ImportQuerySchema(Schema):
    """In earnest, or not."""

    dry_run = Choice(["true", "false"], load_default="false", metadata={"description": "Only say what would be done."})


class ImportedSchema(Schema):
    """What an import has made, or would make."""

    created = fields.Integer(metadata={"description": "How many tasks.", "example": 2})
    projects = fields.Integer(metadata={"description": "How many projects that there were not yet.", "example": 1})
    labels = fields.Integer(metadata={"description": "How many labels that there were not yet.", "example": 0})
    dry_run = fields.Boolean()
