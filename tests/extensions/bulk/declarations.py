"""What the tests for all routes must know of this extension."""

from flask.testing import FlaskClient

from tests.surface import READERS, WRITERS


def _counted(owner: FlaskClient) -> dict[str, str]:
    """Return what replaces the numbers of the examples."""
    count = owner.get("/api/v1/tasks/count").json["count"]
    return {f'"count": {number},': f'"count": {count},' for number in (12, 3)}


MATRIX = {
    "GET /api/v1/tasks/count": READERS,
    "POST /api/v1/tasks/bulk": WRITERS,
    "DELETE /api/v1/trash": WRITERS,
}
PREPARED = {"change_found_tasks": _counted}
