"""Authenticate requests that carry a personal token: one statement for each request."""

from typing import Any, Final
from uuid import UUID

from flask import current_app, g, request
from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from taskapi.api import problem
from taskapi.api.blueprint import PUBLIC, declaration
from taskapi.database import now, reader
from taskapi.extensions.personal_tokens import service
from taskapi.extensions.personal_tokens.models import PersonalToken
from taskapi.extensions.personal_tokens.routes import admin, blp
from taskapi.extensions.personal_tokens.secret import digest_of, is_well_formed
from taskapi.security.rate_limit import USER, enforce_limit
from taskapi.security.rbac import Permission
from taskapi.security.tokens import MARK, Caller
from taskapi.users.models import User

CLOSED: Final = (
    "/api/v1/auth/",
    str(blp.url_prefix),
    str(admin.url_prefix),
)  # the routes of sessions, and of personal tokens
# The export of an account has its tasks too. All roles have both permissions, so its view names only one
ALSO_REQUIRED: Final = {"/api/v1/me/export": Permission.TASK_READ}
NO_SESSION: Final = UUID(int=0)
_TOKEN = select(
    PersonalToken.id,
    PersonalToken.user_id,
    PersonalToken.permissions,
    PersonalToken.epoch,
    PersonalToken.expires_at,
    PersonalToken.last_used_at,
    User.roles,
    User.active,
    User.epoch.label("user_epoch"),
).where(PersonalToken.user_id == User.id, PersonalToken.digest == bindparam("digest"))


def authenticate_personal_token(token: str) -> Caller:
    """Return the user of a token, with their current roles. Responds 401, 503, and 403 on routes that it cannot use."""
    if not is_well_formed(token):
        problem("token_malformed", "Malformed personal token: its length, characters or checksum are wrong.")
    moment, row = now(), _find(token)
    if row is None or not is_in_force(row):
        problem("token_revoked", "The personal token was deleted, or its user may not use it any more.")
    if row.expires_at <= moment:
        problem("token_expired", "The personal token has expired. Create a new one.")
    service.record_use(row, moment)
    caller = Caller(
        id=row.user_id,
        session_id=NO_SESSION,
        sub=str(row.user_id),
        sid="",
        jti=str(row.id),
        roles=tuple(row.roles),
        epoch=row.user_epoch,
        fresh=False,
        csrf="",
        valid_from=0,
        valid_until=int(row.expires_at.timestamp()),
    )
    _require_permission(caller, row.permissions)
    return caller


def _find(token: str) -> Any:
    """Return the row of a token and its user, or None. Responds 503 if the database cannot be read."""
    try:
        return reader().execute(_TOKEN, {"digest": digest_of(token)}).first()
    except SQLAlchemyError as error:
        current_app.logger.warning("the personal tokens cannot be read: %s", error)
        problem("unavailable")


def is_in_force(row: Any) -> bool:
    """Tell whether the user is active, and no restore or `flask tokens invalidate-all` has revoked the token since.

    Those raise the epoch of the user by MARK or more. Other changes of the account raise it by one: a role that the
    user has lost does not revoke the token, but the token no longer has its permissions.
    """
    active: bool = row.active
    epochs: int = row.user_epoch - row.epoch
    return active and epochs < MARK


def _require_permission(caller: Caller, permissions: list[str]) -> None:
    """Respond 403 unless the view of the request accepts a personal token with these permissions.

    The guard compares the permission of the view with the roles of the caller next.
    """
    access = declaration(current_app.view_functions[request.endpoint or ""]).access
    if access is PUBLIC:  # the view of sign-out, which calls `authenticate`
        problem("token_invalid", "A personal token has no session.")
    rule = request.url_rule.rule if request.url_rule else ""
    is_closed = access.fresh or rule.startswith(CLOSED)
    required = [access.permission, *([ALSO_REQUIRED[rule]] if rule in ALSO_REQUIRED else [])]
    missing = next((permission for permission in required if permission not in permissions), None)
    if not is_closed and missing is None:
        return
    g.caller = caller  # for the audit log
    enforce_limit(USER, caller.sub)
    if is_closed:
        problem("permission_denied", "Personal tokens cannot use this route.")
    problem("permission_denied", f"The token does not grant {missing}.", permission=missing)
