"""The routes of this extension, for the tests of all routes."""

from tests.surface import READERS

MATRIX = {"GET /api/v1/changes/stream": READERS}
