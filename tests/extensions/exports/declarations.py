"""The routes of this extension, for the tests of all routes."""

from tests.surface import EVERY_ROLE, READERS

MATRIX = {
    "GET /api/v1/me/export": EVERY_ROLE,
    "GET /api/v1/tasks/export.json": READERS,
    "GET /api/v1/tasks/export.csv": READERS,
    "GET /api/v1/tasks/export.ics": READERS,
}
