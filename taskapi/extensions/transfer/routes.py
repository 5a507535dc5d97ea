"""The routes of /tasks/export.*, /tasks/import.* and /me/export."""

from collections.abc import Callable, Iterator
from typing import Any

from flask import Response

from taskapi.api import Blueprint, json_response
from taskapi.api.concurrency import ConcurrencyLimit
from taskapi.api.parsing import JSON
from taskapi.audit import Event, record
from taskapi.database import db, now
from taskapi.extensions.transfer import account
from taskapi.extensions.transfer.csv_file import CSV
from taskapi.extensions.transfer.downloads import download
from taskapi.extensions.transfer.exports import FORMATS, count_tasks, export
from taskapi.extensions.transfer.imports import add_file
from taskapi.extensions.transfer.reading import read_file
from taskapi.extensions.transfer.schemas import (
    CALENDAR_EXAMPLE,
    FILE_EXAMPLE,
    TABLE_EXAMPLE,
    ExportSchema,
    FileSchema,
    ImportedSchema,
    ImportQuerySchema,
    UploadSchema,
)
from taskapi.extensions.transfer.upload import FORM, digest, receive
from taskapi.resources.idempotency import accepts_idempotency_key, find_stored_response, request_key, store_response
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller

TEXT = {"schema": {"type": "string"}}
JSON_FILE: dict[str, Any] = {JSON: {"schema": FileSchema, "example": FILE_EXAMPLE}}
TABLE: dict[str, Any] = {CSV: TEXT | {"example": TABLE_EXAMPLE}}
CALENDAR: dict[str, Any] = {"text/calendar": TEXT | {"example": CALENDAR_EXAMPLE}}
UPLOAD: dict[str, Any] = {FORM: {"schema": UploadSchema, "example": {"file": TABLE_EXAMPLE}}}
IMPORTS = ConcurrencyLimit("imports", per_user=1, retry_seconds=5)  # from the first byte of the body
WORKING_IMPORTS = ConcurrencyLimit("imports", per_process=2, retry_seconds=5)  # while the file is parsed and stored

blp = Blueprint("transfer", __name__, url_prefix="/api/v1/tasks", tag="tasks")
me = Blueprint("account_export", __name__, url_prefix="/api/v1/me", tag="me")


@blp.get("/export.json")
@blp.response(200, FileSchema, headers=("Content-Disposition",), errors=("quota_exceeded",))
@requires(Permission.TASK_READ)
def export_tasks_json() -> Response:
    """Export your tasks, projects and labels as JSON, without the trash.

    `POST /tasks/import.json` accepts the file, but does not keep ids, versions, and the times of projects and labels.
    You may run one export at a time on each server process (429 otherwise).
    """
    return _export("json")


@blp.get("/export.csv")
@blp.doc(responses={200: {"description": "A table of tasks.", "content": TABLE}})
@blp.response(200, headers=("Content-Disposition",), errors=("quota_exceeded",))
@requires(Permission.TASK_READ)
def export_tasks_csv() -> Response:
    """Export your tasks as CSV, without the trash.

    `POST /tasks/import.csv` accepts the file. Of projects and labels it contains only the names. An apostrophe precedes
    text that a spreadsheet would treat as a formula.
    """
    return _export("csv")


@blp.get("/export.ics")
@blp.doc(responses={200: {"description": "A calendar of to-dos.", "content": CALENDAR}})
@blp.response(200, headers=("Content-Disposition",), errors=("quota_exceeded",))
@requires(Permission.TASK_READ)
def export_tasks_ics() -> Response:
    """Export your tasks as iCalendar to-dos, without the trash and without projects."""
    return _export("ics")


def _export(form: str) -> Response:
    return download(caller().id, f"tasks.{form}", FORMATS[form].content_type, _recorded_export(form))


def _recorded_export(form: str) -> Iterator[bytes]:
    """Record an export, then yield its pieces."""
    record(Event.EXPORTED, actor_id=caller().id, subject_id=caller().id, tasks=count_tasks(), format=form)
    db.session.commit()
    yield from export(form)


def _imports(content: dict[str, Any], *codes: str) -> Callable[[Any], Any]:
    """Declare what both imports share."""

    def decorate(view: Any) -> Any:
        errors = ("quota_exceeded", "project_archived", "idempotency_key_in_use", *codes)
        view = accepts_idempotency_key(requires(Permission.TASK_WRITE)(view))
        view = blp.response(200, ImportedSchema, errors=errors)(view)
        view = blp.doc(requestBody={"required": True, "content": content})(view)
        return blp.arguments(ImportQuerySchema, location="query")(view)

    return decorate


@blp.post("/import.json")
@_imports(JSON_FILE)
def import_tasks_json(query: dict[str, Any]) -> Response:
    """Add the tasks, projects and labels of a JSON file: all of them, or none.

    The file must have `tasks`. Projects and labels that you already have do not change; the others are created as the
    file describes them. Errors are listed by row. A file has up to 16 MiB, and up to 20,000 tasks, 20,000 projects and
    20,000 labels. You may run one import at a time: another one gets 429, or 409 if it has the same `Idempotency-Key`.
    """
    return _import("json", JSON, dry_run="dry_run" in query)


@blp.post("/import.csv")
@_imports(TABLE | UPLOAD, "malformed_csv")
def import_tasks_csv(query: dict[str, Any]) -> Response:
    """Add the tasks of a CSV file: all of them, or none.

    Send the CSV of the export, or your own table with a column `title`, as the body or as the only file of a form.
    Projects and labels that do not exist are created. Errors are listed by row. A file has up to 16 MiB and 20,000
    rows. You may run one import at a time: another one gets 429, or 409 if it has the same `Idempotency-Key`.
    """
    return _import("csv", CSV, FORM, dry_run="dry_run" in query)


def _import(form: str, *media_types: str, dry_run: bool) -> Response:
    """Import the file of the request. A dry run stores nothing, so it ignores the Idempotency-Key."""
    with IMPORTS.hold(caller().id, request_key()):
        pieces = receive(*media_types)
        content = digest(pieces)
        if not dry_run and (stored := _stored_response(content)):
            return stored
        with WORKING_IMPORTS.hold(caller().id):
            file = read_file(form, pieces, now())
            if not dry_run and (stored := find_stored_response(content)):  # another process has imported it meanwhile
                return stored
            created = add_file(file)
            response = json_response({**created, "dry_run": dry_run}, 200, {}, etag=False)
            if dry_run:
                db.session.rollback()
                return response
            store_response(response, content)
            record(Event.IMPORTED, actor_id=caller().id, subject_id=caller().id, **created)
            db.session.commit()
            return response


def _stored_response(content: bytes) -> Response | None:
    """Return the stored response of the same request. Unlocks the owner: parsing must not block other requests."""
    stored = find_stored_response(content)
    db.session.rollback()
    return stored


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
