"""Signing in, in the order that security asks for."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import request
from sqlalchemy import bindparam, select, update
from uuid_utils.compat import uuid7

from taskapi.accounts.models import User
from taskapi.api import problem
from taskapi.auth.models import Session
from taskapi.config import settings
from taskapi.database import db, now, reader
from taskapi.security import passwords
from taskapi.security.tokens import Standing, issue

SESSION_LIFE = timedelta(days=30)
_BY_NAME = select(User.id, User.username, User.name, User.roles, User.epoch, User.active, User.password_hash).where(
    User.username == bindparam("username")
)


def sign_in(username: str, password: str) -> dict[str, Any]:
    """Start a session, or answer 401, the same for a name that does not exist, and in the same time."""
    user = reader().execute(_BY_NAME, {"username": username.lower()}).first()
    right = passwords.check_password(password, user.password_hash if user else None)
    if user is None or not right or not user.active:
        problem("invalid_credentials")
    if passwords.cost(user.password_hash) < settings().bcrypt_rounds:
        db.session.execute(
            update(User).where(User.id == user.id).values(password_hash=passwords.hash_password(password))
        )
    session = Session(id=uuid7(), user_id=user.id, expires_at=now() + SESSION_LIFE, **_device())
    db.session.add(session)
    return _tokens(Standing(user.id, user.name or user.username, user.roles, user.epoch), session.id, fresh=True)


def _tokens(standing: Standing, session_id: UUID, *, fresh: bool) -> dict[str, Any]:
    return {
        "access_token": issue(standing, session_id, fresh=fresh),
        "token_type": "Bearer",
        "expires_in": settings().access_token_seconds,
        "session_id": session_id,
    }


def _device() -> dict[str, str | None]:
    return {"ip": request.remote_addr, "user_agent": request.headers.get("User-Agent", "")[:256]}
