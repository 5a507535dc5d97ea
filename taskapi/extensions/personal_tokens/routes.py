"""/me/tokens: the personal tokens of the caller."""

from typing import Any
from uuid import UUID

from taskapi.api import Blueprint, problem
from taskapi.api.openapi_components import SECURITY_SCHEMES
from taskapi.database import db
from taskapi.extensions.personal_tokens import service
from taskapi.extensions.personal_tokens.schemas import (
    NewPersonalTokenSchema,
    PersonalTokenCreateSchema,
    PersonalTokenPageSchema,
)
from taskapi.resources.pagination import PageSchema, next_link
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission

blp = Blueprint(
    "personal_tokens",
    __name__,
    url_prefix="/api/v1/me/tokens",
    description="Personal tokens: bearer tokens for scripts and integrations. They cannot use the routes under "
    "`/api/v1/auth` and `/api/v1/me/tokens`, and cannot change an account.",
)
# No scheme of its own: generated clients would need two bearer tokens for one request
SECURITY_SCHEMES["bearer"]["description"] += " Or a personal token of `POST /api/v1/me/tokens`."


@blp.post("")
@blp.arguments(PersonalTokenCreateSchema)
@blp.response(201, NewPersonalTokenSchema, errors=("quota_exceeded",))
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def create_personal_token(values: dict[str, Any]) -> dict[str, Any]:
    """Create a personal token. Only this response contains it.

    The token can do what its permissions and your current roles both allow. It stays valid when you sign out or change
    your password, until it expires or you delete it.
    """
    token = service.create_token(values)
    db.session.commit()
    return token


@blp.get("")
@blp.arguments(PageSchema, location="query")
@blp.response(200, PersonalTokenPageSchema, headers=("Link",))
@requires(Permission.ACCOUNT_READ)
def list_personal_tokens(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List your personal tokens, the latest first. An expired token is listed for 30 days at least."""
    page = service.list_tokens(query["limit"], query.get("cursor"))
    return page, next_link(page["next_cursor"])


@blp.delete("/<uuid:token_id>")
@blp.response(204)
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def delete_personal_token(token_id: UUID) -> None:
    """Delete a personal token. Requests with it are rejected from now on."""
    if not service.delete_tokens(token_id):
        problem("not_found")
    db.session.commit()


@blp.delete("")
@blp.response(204)
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def delete_personal_tokens() -> None:
    """Delete all your personal tokens."""
    service.delete_tokens()
    db.session.commit()
