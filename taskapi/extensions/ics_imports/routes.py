"""The route /tasks/import.ics."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from taskapi.api import Blueprint
from taskapi.extensions.imports.routes import ERRORS, import_file, streams_body
from taskapi.extensions.imports.schemas import ImportedWithWarningsSchema, ImportQuerySchema, UploadSchema
from taskapi.extensions.imports.upload import FORM
from taskapi.resources.idempotency import accepts_idempotency_key
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission

EXAMPLE = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:1\r\nSUMMARY:Milk\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"

blp = Blueprint("ics_imports", __name__, url_prefix="/api/v1/tasks", tag="tasks")


class CalendarSourceSchema(Schema):
    """What was recognized in a calendar file."""

    application = fields.String(
        metadata={"description": "The `PRODID` of the file.", "example": "-//Apple Inc.//iOS 17.0//EN"}
    )


class ImportedCalendarSchema(ImportedWithWarningsSchema):
    """What an import of a calendar has created, or would create."""

    source = fields.Nested(CalendarSourceSchema)


@blp.post("/import.ics")
@blp.arguments(ImportQuerySchema, location="query")
@blp.doc(requestBody={"required": True, "content": {FORM: {"schema": UploadSchema, "example": {"file": EXAMPLE}}}})
@blp.response(200, ImportedCalendarSchema, errors=(*ERRORS, "malformed_ics"))
@accepts_idempotency_key
@requires(Permission.TASK_WRITE)
@streams_body
def import_tasks_ics(query: dict[str, Any]) -> Response:
    """Add the to-dos of a calendar file (RFC 5545): all of them, or none.

    Send the file of Apple Reminders, Thunderbird, Nextcloud Tasks, Tasks.org or of the export as the only file of a
    form, or as the body with the content type `text/calendar`. Categories become labels, to-dos below others become
    subtasks. `warnings` are what an import does not keep, such as attachments; look at them with `dry_run=true`
    first. Events and journals are not imported. Errors are listed by to-do. A file has up to 16 MiB and 20,000 to-dos.
    You may run one import at a time: another one gets 429, or 409 if it has the same `Idempotency-Key`.
    """
    from taskapi.extensions.ics_imports.ics_reader import read_ics  # noqa: PLC0415 - the library takes 3 MB of memory

    return import_file("ics", ("text/calendar", FORM), read_ics, dry_run="dry_run" in query)
