"""/auth: open an account, sign in."""

from typing import Any

from sqlalchemy.exc import IntegrityError

from taskapi.accounts.models import User, create_user
from taskapi.accounts.schemas import AccountSchema
from taskapi.api import Blueprint, problem
from taskapi.auth import service
from taskapi.auth.schemas import LoginSchema, RegisterSchema, TokensSchema
from taskapi.config import settings
from taskapi.database import db
from taskapi.security import passwords
from taskapi.security.guard import public

blp = Blueprint("auth", __name__, url_prefix="/api/v1/auth", description="Opening an account and signing in.")


@blp.post("/register")
@blp.arguments(RegisterSchema)
@blp.response(201, AccountSchema, headers={"Location": {"schema": {"type": "string"}}})
@blp.problems(403, 409)
@public
def register(account: dict[str, Any]) -> tuple[User, dict[str, str]]:
    """Open an account."""
    if not settings().registration_enabled:
        problem("registration_closed")
    own_words = [account["username"], account.get("name") or "", account.get("email") or ""]
    passwords.check_strength(account["password"], own_words)
    try:
        user = create_user(**account)
        db.session.commit()
    except IntegrityError:
        problem("username_taken")
    return user, {"Location": "/api/v1/me"}


@blp.post("/login")
@blp.arguments(LoginSchema)
@blp.response(200, TokensSchema)
@blp.problems(401)
@public
def login(credentials: dict[str, str]) -> dict[str, Any]:
    """Sign in by name and password."""
    tokens = service.sign_in(**credentials)
    db.session.commit()
    return tokens
