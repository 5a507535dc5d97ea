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
from taskapi.security.tokens import caller

blp = Blueprint(
    "personal_tokens",
    __name__,
    url_prefix="/api/v1/me/tokens",
    description="Personal tokens: bearer tokens for scripts and integrations. They cannot use the routes under "
    "`/api/v1/auth` and `/api/v1/me/tokens`, and cannot change an account.",
)
admin = Blueprint(
    "personal_tokens_of_users", __name__, url_prefix="/api/v1/admin/users/<uuid:user_id>/tokens", tag="admin"
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
    page = service.list_tokens(caller().id, query["limit"], query.get("cursor"))
    return page, next_link(page["next_cursor"])


@blp.delete("/<uuid:token_id>")
@blp.response(204)
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def delete_personal_token(token_id: UUID) -> None:
    """Delete a personal token. Requests with it are rejected from now on."""
    if not service.delete_tokens(caller().id, token_id):
        problem("not_found")
    db.session.commit()


@blp.delete("")
@blp.response(204)
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def delete_personal_tokens() -> None:
    """Delete all your personal tokens."""
    service.delete_tokens(caller().id)
    db.session.commit()


@admin.get("")
@admin.arguments(PageSchema, location="query")
@admin.response(200, PersonalTokenPageSchema, headers=("Link",))
@requires(Permission.USER_READ)
def list_user_tokens(query: dict[str, Any], user_id: UUID) -> tuple[dict[str, Any], dict[str, str]]:
    """List the personal tokens of a user, the latest first."""
    service.require_user(user_id)
    page = service.list_tokens(user_id, query["limit"], query.get("cursor"))
    return page, next_link(page["next_cursor"])


@admin.delete("")
@admin.response(204)
@requires(Permission.USER_MANAGE, fresh=True)
def delete_user_tokens(user_id: UUID) -> None:
    """Delete all personal tokens of a user, for example after a theft. They are rejected from now on."""
    service.require_user(user_id)
    service.delete_tokens(user_id)
    db.session.commit()
