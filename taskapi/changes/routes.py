"""/changes: what changed since, for a copy that is to stay in step."""

from typing import Any

from taskapi.api import Blueprint
from taskapi.changes.queries import find_changes
from taskapi.changes.schemas import ChangesSchema, SinceSchema
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission

blp = Blueprint("changes", __name__, url_prefix="/api/v1/changes", description="What changed since.")


@blp.get("")
@blp.arguments(SinceSchema, location="query")
@blp.response(200, ChangesSchema, etag=True)
@blp.problems("invalid_cursor", "cursor_expired")
@requires(Permission.TASK_READ)
def list_changes(query: dict[str, Any]) -> dict[str, Any]:
    """List what changed since, oldest first: nothing missed, nothing out of order.

    For a copy that is to stay in step: begin without `since`, keep the `cursor` with what came, and go on from there.
    While `has_more`, ask again at once. 410 means: begin anew, and replace the copy. A client that only wants to hear
    of changes from now on begins with `since=now`.
    """
    return find_changes(query)
