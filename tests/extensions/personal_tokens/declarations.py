"""What the tests for all routes must know of this extension."""

from tests.extensions.personal_tokens.token_client import TOKENS, create
from tests.surface import ADMINS, EVERY_ROLE

MATRIX = {
    "POST /api/v1/me/tokens": EVERY_ROLE,
    "GET /api/v1/me/tokens": EVERY_ROLE,
    "DELETE /api/v1/me/tokens": EVERY_ROLE,
    "DELETE /api/v1/me/tokens/<uuid:token_id>": EVERY_ROLE,
    "GET /api/v1/admin/users/<uuid:user_id>/tokens": ADMINS,
    "DELETE /api/v1/admin/users/<uuid:user_id>/tokens": ADMINS,
}
FRESH = {
    "POST /api/v1/me/tokens",
    "DELETE /api/v1/me/tokens",
    "DELETE /api/v1/me/tokens/<uuid:token_id>",
    "DELETE /api/v1/admin/users/<uuid:user_id>/tokens",
}


MAKERS = {"token_id": lambda client: create(client)["id"]}
LISTS = {TOKENS: create}
LIVE = {"personal_tokens": create}
