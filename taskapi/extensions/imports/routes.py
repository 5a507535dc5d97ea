"""The routes /tasks/import.*."""

from collections.abc import Callable
from hashlib import file_digest
from threading import Lock
from typing import Any

from flask import Response

from taskapi.api import Blueprint, json_response
from taskapi.api.blueprint import declaration
from taskapi.api.concurrency import ConcurrencyLimit
from taskapi.api.parsing import JSON
from taskapi.audit import Event, record
from taskapi.database import db, now
from taskapi.extensions.imports.schemas import (
    CSV_EXAMPLE,
    JSON_EXAMPLE,
    ImportedSchema,
    ImportQuerySchema,
    TaskFileSchema,
    UploadSchema,
)
from taskapi.extensions.imports.storing import add_file
from taskapi.extensions.imports.task_file import read_file
from taskapi.extensions.imports.upload import FORM, receive
from taskapi.resources.idempotency import accepts_idempotency_key, find_stored_response, request_key, store_response
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller

ERRORS = ("quota_exceeded", "project_archived", "idempotency_key_in_use")
IMPORTS = ConcurrencyLimit("imports", per_user=1, per_process=2, retry_seconds=5)  # from the first byte of the body
_parsing = Lock()  # one import is parsed and stored at a time: it keeps a core busy

blp = Blueprint("imports", __name__, url_prefix="/api/v1/tasks", tag="tasks")


def _streams_body(view: Callable[..., Response]) -> Callable[..., Response]:
    declaration(view).streams_body = True
    return view


@blp.post("/import.json")
@blp.arguments(ImportQuerySchema, location="query")
@blp.doc(requestBody={"required": True, "content": {JSON: {"schema": TaskFileSchema, "example": JSON_EXAMPLE}}})
@blp.response(200, ImportedSchema, errors=ERRORS)
@accepts_idempotency_key
@requires(Permission.TASK_WRITE)
@_streams_body
def import_tasks_json(query: dict[str, Any]) -> Response:
    """Add the tasks, projects and labels of a JSON file: all of them, or none.

    The file must have `tasks`. Projects and labels that you already have do not change; the others are created as the
    file describes them. Errors are listed by row. A file has up to 16 MiB, and up to 20,000 tasks, 20,000 projects and
    20,000 labels. You may run one import at a time: another one gets 429, or 409 if it has the same `Idempotency-Key`.
    """
    return _import("json", JSON, dry_run="dry_run" in query)


# Generated clients can send one media type for each operation, so the document leaves out text/csv
@blp.post("/import.csv")
@blp.arguments(ImportQuerySchema, location="query")
@blp.doc(requestBody={"required": True, "content": {FORM: {"schema": UploadSchema, "example": {"file": CSV_EXAMPLE}}}})
@blp.response(200, ImportedSchema, errors=(*ERRORS, "malformed_csv"))
@accepts_idempotency_key
@requires(Permission.TASK_WRITE)
@_streams_body
def import_tasks_csv(query: dict[str, Any]) -> Response:
    """Add the tasks of a CSV file: all of them, or none.

    Send the CSV of the export, or your own table with a column `title`, as the only file of a form. It can also be the
    body itself, with the content type `text/csv`. Projects and labels that do not exist are created. Errors are listed
    by row. A file has up to 16 MiB and 20,000 rows. You may run one import at a time: another one gets 429, or 409 if
    it has the same `Idempotency-Key`.
    """
    return _import("csv", "text/csv", FORM, dry_run="dry_run" in query)


def _import(file_format: str, *media_types: str, dry_run: bool) -> Response:
    """Import the file of the request. A dry run stores nothing, so it ignores the Idempotency-Key."""
    with IMPORTS.hold(caller().id, request_key()), receive(*media_types) as body:
        content = file_digest(body, "sha256").digest()  # type: ignore[arg-type]
        body.seek(0)
        if not dry_run and (stored := find_stored_response(content)):
            return stored
        db.session.rollback()  # unlocks the owner: parsing must not block other requests
        with _parsing:
            file = read_file(file_format, body, now())
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
