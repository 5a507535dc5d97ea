"""What the tests for all routes must know of this extension."""

from tests.surface import EVERY_ROLE, WRITERS

MATRIX = {
    "GET /api/v1/tasks/count": EVERY_ROLE,
    "POST /api/v1/tasks/bulk": WRITERS,
    "DELETE /api/v1/trash": WRITERS,
}
