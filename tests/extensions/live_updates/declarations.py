"""The routes of this extension, for the tests of all routes."""

from tests.surface import EVERY_ROLE

MATRIX = {"GET /api/v1/changes/stream": EVERY_ROLE}
