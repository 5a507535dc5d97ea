"""The route /tasks/import.csv."""

from typing import Any

from flask import Response

from taskapi.api import Blueprint
from taskapi.extensions.csv_imports.csv_reader import read_csv
from taskapi.extensions.csv_imports.schemas import CSV_EXAMPLE, CsvImportQuerySchema, ImportedTableSchema
from taskapi.extensions.imports.routes import ERRORS, import_file, streams_body
from taskapi.extensions.imports.schemas import UploadSchema
from taskapi.extensions.imports.upload import FORM
from taskapi.resources.idempotency import accepts_idempotency_key
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission

# Windows browsers send .csv files as a type of Excel, and some programs name the delimiter
MEDIA_TYPES = ("text/csv", FORM, "application/vnd.ms-excel", "text/tab-separated-values")

blp = Blueprint("csv_imports", __name__, url_prefix="/api/v1/tasks", tag="tasks")


# Generated clients can send one media type for each operation, so the document leaves out the others
@blp.post("/import.csv")
@blp.arguments(CsvImportQuerySchema, location="query")
@blp.doc(requestBody={"required": True, "content": {FORM: {"schema": UploadSchema, "example": {"file": CSV_EXAMPLE}}}})
@blp.response(200, ImportedTableSchema, errors=(*ERRORS, "malformed_csv"))
@accepts_idempotency_key
@requires(Permission.TASK_WRITE)
@streams_body
def import_tasks_csv(query: dict[str, Any]) -> Response:
    """Add the tasks of a CSV file: all of them, or none.

    Send the CSV of the export, your own table with a column `title`, or the CSV of Todoist, TickTick, Asana, Trello or
    Vikunja, as the only file of a form. It can also be the body itself, with the content type `text/csv` or
    `application/vnd.ms-excel`. Projects and labels that do not exist are created. `source` is what was recognized, and
    `warnings` are what an import does not keep as it is; look at them with `dry_run=true` first. Errors are listed by
    row. A file has up to 16 MiB and 20,000 rows. You may run one import at a time: another one gets 429, or 409 if it
    has the same `Idempotency-Key`.
    """
    return import_file(
        "csv", MEDIA_TYPES, lambda body, findings: read_csv(body, query, findings), dry_run="dry_run" in query
    )
