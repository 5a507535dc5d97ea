"""What the tests for all routes must know of this extension."""

from tests.surface import EVERY_ROLE, WRITERS

MATRIX = {
    "GET /api/v1/me/export": EVERY_ROLE,
    "GET /api/v1/tasks/export.json": EVERY_ROLE,
    "GET /api/v1/tasks/export.csv": EVERY_ROLE,
    "GET /api/v1/tasks/export.ics": EVERY_ROLE,
    "POST /api/v1/tasks/import.json": WRITERS,
    "POST /api/v1/tasks/import.csv": WRITERS,
}
