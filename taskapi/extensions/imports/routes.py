"""The routes /tasks/import.*."""

from collections.abc import Callable, Iterable
from hashlib import file_digest
from threading import Lock
from typing import IO, Any

from flask import Response

from taskapi.api import Blueprint, json_response
from taskapi.api.blueprint import declaration
from taskapi.api.concurrency import ConcurrencyLimit
from taskapi.api.parsing import JSON
from taskapi.audit import Event, record
from taskapi.database import db, now
from taskapi.extensions.imports.findings import Findings
from taskapi.extensions.imports.json_reader import read_json
from taskapi.extensions.imports.schemas import (
    JSON_EXAMPLE,
    ImportedSchema,
    ImportQuerySchema,
    TaskFileSchema,
)
from taskapi.extensions.imports.storing import add_file
from taskapi.extensions.imports.task_file import Row, read_file
from taskapi.extensions.imports.upload import receive
from taskapi.resources.idempotency import accepts_idempotency_key, find_stored_response, request_key, store_response
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller

ERRORS = ("quota_exceeded", "project_archived", "idempotency_key_in_use")
IMPORTS = ConcurrencyLimit("imports", per_user=1, per_process=2, retry_seconds=5)  # from the first byte of the body
_parsing = Lock()  # one import is parsed and stored at a time: it keeps a core busy

blp = Blueprint("imports", __name__, url_prefix="/api/v1/tasks", tag="tasks")


def streams_body(view: Callable[..., Response]) -> Callable[..., Response]:
    """Mark a view that reads the body itself."""
    declaration(view).streams_body = True
    return view


@blp.post("/import.json")
@blp.arguments(ImportQuerySchema, location="query")
@blp.doc(requestBody={"required": True, "content": {JSON: {"schema": TaskFileSchema, "example": JSON_EXAMPLE}}})
@blp.response(200, ImportedSchema, errors=ERRORS)
@accepts_idempotency_key
@requires(Permission.TASK_WRITE)
@streams_body
def import_tasks_json(query: dict[str, Any]) -> Response:
    """Add the tasks, projects and labels of a JSON file: all of them, or none.

    The file must have `tasks`. Projects and labels that you already have do not change; the others are created as the
    file describes them. Errors are listed by row. A file has up to 16 MiB, and up to 20,000 tasks, 20,000 projects and
    20,000 labels. You may run one import at a time: another one gets 429, or 409 if it has the same `Idempotency-Key`.
    """
    return import_file("json", (JSON,), lambda body, _: read_json(body), dry_run="dry_run" in query)


def import_file(
    file_format: str,
    media_types: tuple[str, ...],
    read: Callable[[IO[bytes], Findings], Iterable[Row]],
    *,
    dry_run: bool,
) -> Response:
    """Import the file of the request, whose rows `read` yields. Other extensions use it for other formats.

    A dry run stores nothing, so it ignores the Idempotency-Key.
    """
    with IMPORTS.hold(caller().id, request_key()), receive(*media_types) as body:
        content = file_digest(body, "sha256").digest()  # type: ignore[arg-type]
        body.seek(0)
        if not dry_run and (stored := find_stored_response(content)):
            return stored
        db.session.rollback()  # unlocks the owner: parsing must not block other requests
        with _parsing:
            findings = Findings()
            file = read_file(file_format, read(body, findings), now(), findings)
            if not dry_run and (stored := find_stored_response(content)):  # another process has imported it meanwhile
                return stored
            created = add_file(file)
            response = json_response({**created, "dry_run": dry_run, **findings.dump()}, 200, {}, etag=False)
            if dry_run:
                db.session.rollback()
                return response
            store_response(response, content)
            record(Event.IMPORTED, actor_id=caller().id, subject_id=caller().id, **created)
            db.session.commit()
            return response
