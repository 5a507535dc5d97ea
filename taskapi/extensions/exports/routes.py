"""The routes /tasks/export.* and /me/export."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from flask import Response

from taskapi.api import Blueprint
from taskapi.audit import Event, record
from taskapi.database import db
from taskapi.extensions.exports import account
from taskapi.extensions.exports.downloads import download
from taskapi.extensions.exports.schemas import (
    CALENDAR_EXAMPLE,
    CSV_EXAMPLE,
    CsvExportQuerySchema,
    ExportedFileSchema,
    ExportQuerySchema,
    ExportSchema,
)
from taskapi.extensions.exports.tasks import FORMATS, count_tasks, export, refuse_unknown_project
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller

TEXT = {"schema": {"type": "string"}}
CSV: dict[str, Any] = {"text/csv": TEXT | {"example": CSV_EXAMPLE}}
CALENDAR: dict[str, Any] = {"text/calendar": TEXT | {"example": CALENDAR_EXAMPLE}}

blp = Blueprint("exports", __name__, url_prefix="/api/v1/tasks", tag="tasks")
me = Blueprint("account_export", __name__, url_prefix="/api/v1/me", tag="me")


@blp.get("/export.json")
@blp.arguments(ExportQuerySchema, location="query")
@blp.response(200, ExportedFileSchema, headers=("Content-Disposition",), errors=("quota_exceeded",))
@requires(Permission.TASK_READ)
def export_tasks_json(query: dict[str, Any]) -> Response:
    """Export your tasks, projects and labels as JSON, or those of one project, without the trash.

    `POST /tasks/import.json` accepts the file, but does not keep ids, versions, and the times of projects and labels.
    You may run one export at a time on each server process (429 otherwise).
    """
    return _export("json", query)


@blp.get("/export.csv")
@blp.arguments(CsvExportQuerySchema, location="query")
@blp.doc(responses={200: {"description": "A table of tasks.", "content": CSV}})
@blp.response(200, headers=("Content-Disposition",), errors=("quota_exceeded",))
@requires(Permission.TASK_READ)
def export_tasks_csv(query: dict[str, Any]) -> Response:
    """Export your tasks, or those of one project, as CSV, without the trash.

    `POST /tasks/import.csv` accepts the file. Of projects and labels it contains only the names. An apostrophe precedes
    text that a spreadsheet would treat as a formula.
    """
    return _export("csv", query, BOM_UTF8 if "bom" in query else b"")


@blp.get("/export.ics")
@blp.arguments(ExportQuerySchema, location="query")
@blp.doc(responses={200: {"description": "A calendar of to-dos.", "content": CALENDAR}})
@blp.response(200, headers=("Content-Disposition",), errors=("quota_exceeded",))
@requires(Permission.TASK_READ)
def export_tasks_ics(query: dict[str, Any]) -> Response:
    """Export your tasks, or those of one project, as iCalendar to-dos, without the trash and without projects."""
    return _export("ics", query)


def _export(file_format: str, query: dict[str, Any], start: bytes = b"") -> Response:
    project_id = query.get("project_id")
    if project_id:
        refuse_unknown_project(project_id)
    pieces = _recorded_export(file_format, project_id, start)
    return download(caller().id, f"tasks.{file_format}", FORMATS[file_format].content_type, pieces)


def _recorded_export(file_format: str, project_id: UUID | None, start: bytes) -> Iterator[bytes]:
    """Record an export, then yield its pieces, after `start`."""
    details = {"tasks": count_tasks(project_id), "format": file_format}
    if project_id:
        details["project_id"] = str(project_id)
    record(Event.EXPORTED, actor_id=caller().id, subject_id=caller().id, **details)
    db.session.commit()
    yield start
    yield from export(file_format, project_id)


@me.get("/export")
@me.response(200, ExportSchema, headers=("Content-Disposition",), errors=("quota_exceeded",))
@requires(Permission.ACCOUNT_READ)
def export_account() -> Response:
    """Export all data of your account as one JSON document."""
    return download(caller().id, "taskapi-export.json", "application/json", _recorded_account())


def _recorded_account() -> Iterator[bytes]:
    """Record an account export, then yield its pieces."""
    record(Event.EXPORTED, actor_id=caller().id, subject_id=caller().id)
    db.session.commit()
    yield from account.export_account(caller().id)
