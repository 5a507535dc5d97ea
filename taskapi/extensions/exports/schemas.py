"""The schemas and examples of exports."""

from marshmallow import INCLUDE, Schema, fields

from taskapi.api.fields import Instant, Switch
from taskapi.api.openapi_examples import MOMENT, PROJECT_ID, TASK_ID
from taskapi.audit.schemas import AuditEntrySchema
from taskapi.labels.schemas import LabelSchema
from taskapi.projects.schemas import ProjectSchema
from taskapi.tasks.schemas import TaskSchema
from taskapi.users.schemas import AccountSchema


class ExportedTaskSchema(TaskSchema):
    """A task in an exported file."""

    project = fields.String(allow_none=True, metadata={"description": "The name of its project.", "example": "Garden"})

    class Meta:
        exclude = ("project_id", "position", "next_id", "deleted_at", "version")


class ExportedProjectSchema(ProjectSchema):
    """A project in an exported file."""

    class Meta:
        fields = ("name", "description", "color", "archived")


class ExportedLabelSchema(LabelSchema):
    """A label in an exported file."""

    class Meta:
        fields = ("name", "color")


class ExportedFileSchema(Schema):
    """Your tasks, projects and labels. An import accepts the file."""

    projects = fields.List(fields.Nested(ExportedProjectSchema))
    labels = fields.List(fields.Nested(ExportedLabelSchema))
    tasks = fields.List(fields.Nested(ExportedTaskSchema))


class ExportQuerySchema(Schema):
    """The option of an export."""

    project_id = fields.UUID(
        metadata={"description": "Only this project: its tasks, and the labels that they have.", "example": PROJECT_ID}
    )


class CsvExportQuerySchema(ExportQuerySchema):
    """The options of an export as CSV."""

    bom = Switch(
        metadata={"description": "`true` starts the file with a byte order mark, so that Excel reads it as UTF-8."}
    )


class ExportSchema(Schema):
    """All data of your account: the account, and each table with your rows under the name of the table."""

    class Meta:
        """Allow other members: one for each table."""

        unknown = INCLUDE

    exported_at = Instant(dump_only=True)
    account = fields.Nested(AccountSchema)
    activity = fields.List(fields.Nested(AuditEntrySchema))


TASK_FIELDS = tuple(ExportedTaskSchema().fields)
PROJECT_FIELDS = tuple(ExportedProjectSchema().fields)
LABEL_FIELDS = tuple(ExportedLabelSchema().fields)
CSV_EXAMPLE = f"""{",".join(TASK_FIELDS)}
{TASK_ID},Water the plants,Those too.,todo,high,2030-06-01,,,home,FREQ=WEEKLY;BYDAY=SA,due,P1D,{MOMENT},{MOMENT},,Garden
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
DTSTART;VALUE=DATE:20300601
DUE;VALUE=DATE:20300601
RRULE:FREQ=WEEKLY;BYDAY=SA
BEGIN:VALARM
ACTION:DISPLAY
DESCRIPTION:Water the plants
TRIGGER;RELATED=END:-PT15H
END:VALARM
END:VTODO
END:VCALENDAR
"""
