"""/tasks/export and /tasks/import: your tasks as files."""

from itertools import chain
from typing import Any

from flask import Response, request

from taskapi.api import Blueprint
from taskapi.audit import Event, record
from taskapi.database import db
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller
from taskapi.tasks.exchange.export import FORMATS, count_tasks, export
from taskapi.tasks.exchange.imports import add_tasks
from taskapi.tasks.exchange.reading import read_tasks
from taskapi.tasks.exchange.schemas import (
    CALENDAR_EXAMPLE,
    FILE_EXAMPLE,
    TABLE_EXAMPLE,
    ExportQuerySchema,
    FileSchema,
    ImportedSchema,
    ImportQuerySchema,
)

TEXT = {"schema": {"type": "string"}}
FILES: dict[str, Any] = {
    "application/json": {"schema": FileSchema, "example": FILE_EXAMPLE},
    "text/csv": TEXT | {"example": TABLE_EXAMPLE},
}
CALENDAR = {"text/calendar": TEXT | {"example": CALENDAR_EXAMPLE}}

blp = Blueprint("exchange", __name__, url_prefix="/api/v1/tasks", tag="tasks")


@blp.get("/export")
@blp.arguments(ExportQuerySchema, location="query")
@blp.doc(responses={200: {"content": FILES | CALENDAR}})
@blp.response(200, FileSchema, headers=("Content-Disposition",))
@requires(Permission.TASK_READ)
def export_tasks(query: dict[str, Any]) -> Response:
    """Take your tasks with you as a file, the oldest first; the trash stays.

    JSON and CSV can be imported again. In CSV, a cell that a spreadsheet would take for a formula has an apostrophe
    before it. iCalendar is for calendars to read.
    """
    form = query["format"]
    headers = {"Content-Disposition": f'attachment; filename="tasks.{form}"'}
    content_type = FORMATS[form].content_type
    if request.method == "HEAD":
        return Response(iter(()), headers=headers, content_type=content_type)  # of no length, as that of GET
    record(Event.EXPORTED, actor_id=caller().id, subject_id=caller().id, tasks=count_tasks(), format=form)
    db.session.commit()
    pieces = export(form)
    response = Response(chain([next(pieces)], pieces), headers=headers, content_type=content_type)
    response.call_on_close(pieces.close)
    return response


@blp.post("/import")
@blp.arguments(ImportQuerySchema, location="query")
@blp.doc(requestBody={"required": True, "content": FILES})
@blp.response(200, ImportedSchema)
@blp.problems("malformed_csv", "quota_exceeded")
@requires(Permission.TASK_WRITE)
def import_tasks(query: dict[str, Any]) -> dict[str, Any]:
    """Add the tasks of a file: all of them, or none.

    The JSON and CSV of the export, or a table of your own with a column `title`. What is wrong is told row by row; with
    `dry_run` nothing else is done.
    """
    made = add_tasks(read_tasks())
    dry_run = query["dry_run"] == "true"
    if dry_run:
        db.session.rollback()
    else:
        record(Event.IMPORTED, actor_id=caller().id, subject_id=caller().id, **made)
        db.session.commit()
    return {**made, "dry_run": dry_run}
