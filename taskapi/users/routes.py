"""/me: the account of the caller."""

from typing import Any

from flask import Response
from sqlalchemy import bindparam, select

from taskapi.api import Blueprint, problem
from taskapi.api.openapi_components import SESSION_END_HEADERS
from taskapi.api.parsing import JSON, MERGE_PATCH
from taskapi.audit import Event, record
from taskapi.audit.log import find_activity
from taskapi.audit.schemas import AuditPageSchema
from taskapi.database import JsonRow, PreparedJsonRow, db, reader
from taskapi.resources.ownership import found_or_404
from taskapi.resources.pagination import PageSchema, next_link
from taskapi.security.cookies import clear_caller_cookies
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller
from taskapi.users.models import User
from taskapi.users.schemas import ACCOUNT, ACCOUNT_CHANGES, PATCH_EXAMPLES
from taskapi.users.service import change_timezone, check_profile, delete_user, lock_account

blp = Blueprint("me", __name__, url_prefix="/api/v1/me", description="Your own account.")

_ACCOUNT = PreparedJsonRow(
    select(*(getattr(User, name) for name in ACCOUNT.dump_fields)).where(User.id == bindparam("id"))
)


@blp.get("")
@blp.response(200, ACCOUNT)
@requires(Permission.ACCOUNT_READ)
def show_account() -> JsonRow:
    """Show your account."""
    return found_or_404(_ACCOUNT.first(reader(), {"id": caller().id}))


@blp.patch("")
@blp.arguments(ACCOUNT_CHANGES, media_types=(JSON, MERGE_PATCH), examples=PATCH_EXAMPLES)
@blp.response(200, ACCOUNT)
@requires(Permission.ACCOUNT_WRITE)
def update_account(changes: dict[str, Any]) -> User:
    """Change your name, e-mail address or time zone.

    Fields that you leave out keep their values; null clears a field.
    """
    account = db.session.get(User, caller().id, with_for_update={"key_share": True}) or problem("not_found")
    check_profile(account, changes)
    if "timezone" in changes:
        change_timezone(account, changes["timezone"])
    account.apply(changes)
    record(Event.PROFILE_CHANGED, actor_id=account.id, subject_id=account.id, fields=sorted(changes))
    db.session.commit()
    return account


@blp.delete("")
@blp.response(204, headers=SESSION_END_HEADERS, errors=("last_admin",))
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def delete_account() -> Response:
    """Delete your account permanently, with everything that you own.

    Accounts have no trash: export your data first. The last active administrator cannot be deleted.
    """
    delete_user(lock_account(caller().id), actor_id=caller().id)
    db.session.commit()
    return clear_caller_cookies(Response(status=204))


@blp.get("/activity")
@blp.arguments(PageSchema, location="query")
@blp.response(200, AuditPageSchema, headers=("Link",))
@requires(Permission.ACCOUNT_READ)
def list_activity(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List the events of your account, the latest first: sign-ins, failed sign-ins and changes."""
    page = find_activity(caller().id, query)
    return page, next_link(page["next_cursor"])
