"""The routes of this extension, for the tests of all routes."""

from tests.surface import ADMINS

MATRIX = {
    "GET /api/v1/admin/audit": ADMINS,
    "GET /api/v1/admin/stats": ADMINS,
    "GET /api/v1/admin/users": ADMINS,
    "POST /api/v1/admin/users": ADMINS,
    "DELETE /api/v1/admin/users/<uuid:user_id>": ADMINS,
    "GET /api/v1/admin/users/<uuid:user_id>": ADMINS,
    "PATCH /api/v1/admin/users/<uuid:user_id>": ADMINS,
    "POST /api/v1/admin/users/<uuid:user_id>/sign-out": ADMINS,
}
FRESH = {
    "POST /api/v1/admin/users",
    "PATCH /api/v1/admin/users/<uuid:user_id>",
    "DELETE /api/v1/admin/users/<uuid:user_id>",
    "POST /api/v1/admin/users/<uuid:user_id>/sign-out",
}
