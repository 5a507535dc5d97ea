"""The routes of /changes."""

from typing import Any

from taskapi.api import Blueprint
from taskapi.extensions.changes.queries import find_changes
from taskapi.extensions.changes.schemas import ChangesSchema, SinceSchema
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission

blp = Blueprint(
    "changes",
    __name__,
    url_prefix="/api/v1/changes",
    description="Changes since a version, to keep a local copy up to date.",
)


@blp.get("")
@blp.arguments(SinceSchema, location="query")
@blp.response(200, ChangesSchema, etag=True, errors=("invalid_cursor", "cursor_expired"))
@requires(Permission.TASK_READ)
def list_changes(query: dict[str, Any]) -> dict[str, Any]:
    """List changes since a cursor, oldest first.

    To keep a local copy up to date, start without `since`, store the `cursor` with the data, and continue from it.
    While `has_more` is true, request the next page at once. 410 means: start again, and replace the copy. A client
    that only needs future changes starts with `since=now`.
    """
    return find_changes(query)
