"""/admin: users, the audit log and statistics."""

from typing import Any
from uuid import UUID

from flask import after_this_request

from taskapi.api import Blueprint
from taskapi.api.parsing import JSON, MERGE_PATCH
from taskapi.audit.log import find_entries
from taskapi.audit.schemas import AuditPageSchema, AuditQuerySchema
from taskapi.database import JsonRow, db
from taskapi.extensions.admin import queries, service
from taskapi.extensions.admin.schemas import (
    CHANGED,
    OPENED,
    StatsSchema,
    UserCreateSchema,
    UserPageSchema,
    UserPatchSchema,
    UserQuerySchema,
    UserSchema,
)
from taskapi.resources.ownership import found_or_404
from taskapi.resources.pagination import next_link
from taskapi.security.cookies import clear_caller_cookies
from taskapi.security.guard import requires
from taskapi.security.passwords import uses_password_queue
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller
from taskapi.users.models import User

blp = Blueprint("admin", __name__, url_prefix="/api/v1/admin", description="Users, the audit log and statistics.")


@blp.get("/users")
@blp.arguments(UserQuerySchema, location="query")
@blp.response(200, UserPageSchema, headers=("Link",))
@requires(Permission.USER_READ)
def list_users(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List users, sorted by username."""
    page = queries.find_users(query)
    return page, next_link(page["next_cursor"])


@blp.post("/users")
@blp.arguments(UserCreateSchema, examples=OPENED)
@blp.response(201, UserSchema, headers=("Location",), errors=("username_taken",))
@requires(Permission.USER_MANAGE, fresh=True)
@uses_password_queue
def create_user(account: dict[str, Any]) -> tuple[User, dict[str, str]]:
    """Create an account for another user."""
    user = service.create_account(account, caller().id)
    db.session.commit()
    return user, {"Location": f"/api/v1/admin/users/{user.id}"}


@blp.get("/users/<uuid:user_id>")
@blp.response(200, UserSchema)
@requires(Permission.USER_READ)
def show_user(user_id: UUID) -> JsonRow:
    """Show a user."""
    return found_or_404(queries.find_user(user_id))


@blp.patch("/users/<uuid:user_id>")
@blp.arguments(UserPatchSchema, media_types=(JSON, MERGE_PATCH), examples=CHANGED)
@blp.response(200, UserSchema, errors=("last_admin",))
@requires(Permission.USER_MANAGE, fresh=True)
def update_user(changes: dict[str, Any], user_id: UUID) -> User:
    """Change the name or roles of a user, or activate or deactivate the account.

    A change of roles or of `active` revokes the user's access tokens; a refresh returns one with the new roles.
    Deactivation ends all sessions of the user. The last active administrator keeps the role and stays active.
    """
    user = service.change_account(user_id, changes, caller().id)
    db.session.commit()
    if user_id == caller().id and not user.active:
        after_this_request(clear_caller_cookies)
    return user


@blp.delete("/users/<uuid:user_id>")
@blp.response(204, errors=("last_admin",))
@requires(Permission.USER_MANAGE, fresh=True)
def delete_user(user_id: UUID) -> None:
    """Delete the account of a user and all their data permanently."""
    service.delete_account(user_id, caller().id)
    db.session.commit()
    if user_id == caller().id:
        after_this_request(clear_caller_cookies)


@blp.post("/users/<uuid:user_id>/sign-out")
@blp.response(204)
@requires(Permission.USER_MANAGE, fresh=True)
def sign_out_user(user_id: UUID) -> None:
    """End all sessions of a user."""
    service.sign_out(user_id, caller().id)
    db.session.commit()
    if user_id == caller().id:
        after_this_request(clear_caller_cookies)


@blp.get("/audit")
@blp.arguments(AuditQuerySchema, location="query")
@blp.response(200, AuditPageSchema, headers=("Link",))
@requires(Permission.AUDIT_READ)
def list_audit_entries(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List the entries of the audit log, the latest first."""
    page = find_entries(query)
    return page, next_link(page["next_cursor"])


@blp.get("/stats")
@blp.response(200, StatsSchema)
@requires(Permission.USER_READ)
def show_stats() -> dict[str, Any]:
    """Show statistics of the service."""
    return queries.stats()
