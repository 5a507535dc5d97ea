"""The routes of this extension, for the tests of all routes."""

from tests.surface import WRITERS

MATRIX = {"POST /api/v1/tasks/import.ics": WRITERS}
