"""The routes of this extension, for the tests of all routes."""

from tests.surface import EVERY_ROLE

MATRIX = {
    "GET /api/v1/me/export": EVERY_ROLE,
    "GET /api/v1/tasks/export.json": EVERY_ROLE,
    "GET /api/v1/tasks/export.csv": EVERY_ROLE,
    "GET /api/v1/tasks/export.ics": EVERY_ROLE,
}
