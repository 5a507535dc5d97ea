"""What the tests for all routes must know of this extension."""

from tests.surface import WRITERS

MATRIX = {"POST /api/v1/tasks/batch": WRITERS}
IDEMPOTENT = {"tasks/batch": {"operations": [{"op": "create", "data": {"title": "Milk"}}]}}
