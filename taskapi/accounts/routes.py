"""/me: your own account."""

from typing import Any

from sqlalchemy import bindparam, select

from taskapi.accounts.models import User
from taskapi.accounts.schemas import AccountSchema
from taskapi.api import Blueprint
from taskapi.database import reader
from taskapi.security.guard import requires
from taskapi.security.rbac import Permission
from taskapi.security.scope import shown_or_404
from taskapi.security.tokens import caller

blp = Blueprint("me", __name__, url_prefix="/api/v1/me", description="Your own account.")

_ACCOUNT = select(*(getattr(User, name) for name in AccountSchema().dump_fields)).where(User.id == bindparam("id"))


@blp.get("")
@blp.response(200, AccountSchema)
@requires(Permission.ACCOUNT_READ)
def show_account() -> dict[str, Any]:
    """Show your account."""
    return shown_or_404(reader().execute(_ACCOUNT, {"id": caller().id}).first())
