"""What the tests for all routes must know of this extension."""

from taskapi.extensions import NAMES
from tests.extensions.personal_tokens.token_client import TOKENS, create
from tests.surface import ADMINS, EVERY_ROLE

MATRIX = {
    "POST /api/v1/me/tokens": EVERY_ROLE,
    "GET /api/v1/me/tokens": EVERY_ROLE,
    "DELETE /api/v1/me/tokens": EVERY_ROLE,
    "DELETE /api/v1/me/tokens/<uuid:token_id>": EVERY_ROLE,
}
FRESH = {
    "POST /api/v1/me/tokens",
    "DELETE /api/v1/me/tokens",
    "DELETE /api/v1/me/tokens/<uuid:token_id>",
}
if "admin" in NAMES:
    OF_USERS = "/api/v1/admin/users/<uuid:user_id>/tokens"
    MATRIX |= {f"GET {OF_USERS}": ADMINS, f"DELETE {OF_USERS}": ADMINS}
    FRESH |= {f"DELETE {OF_USERS}"}


MAKERS = {"token_id": lambda client: create(client)["id"]}
LISTS = {TOKENS: create}
LIVE = {"personal_tokens": create}
