"""What the tests for all routes must know of this extension."""

from tests.surface import EVERY_ROLE

MATRIX = {"GET /api/v1/changes": EVERY_ROLE}
