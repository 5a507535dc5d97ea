"""Create, list and delete personal tokens, and store their last use."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from flask import current_app
from sqlalchemy import Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from taskapi.api import invalid, problem
from taskapi.api.errors import Problem
from taskapi.audit import Event, record
from taskapi.config import settings_of
from taskapi.database import db, now, reader
from taskapi.database.sqlite import BUSY_SECONDS, DRIVER
from taskapi.extensions.personal_tokens.models import PersonalToken
from taskapi.extensions.personal_tokens.schemas import MAX_DAYS, PersonalTokenSettings
from taskapi.extensions.personal_tokens.secret import HINT_LENGTH, digest_of, new_secret
from taskapi.resources.ownership import found_or_404
from taskapi.resources.pagination import decode_cursor, encode_cursor
from taskapi.security.rate_limit import Kind, Limit, enforce_limit, slow_requests
from taskapi.security.rbac import Permission, grants
from taskapi.security.tokens import caller, revoke_tokens
from taskapi.users.models import User

DEFAULT_DAYS: Final = 30
EXPIRED_DAYS: Final = 30  # that an expired token is listed, so that its user sees why a script fails
USE_STORED: Final = timedelta(minutes=1)  # between two changes of `last_used_at`
CREATION: Final = Limit("personal-tokens", lambda _: "60/hour", always_on=True)  # each one adds two audit entries
SHOWN: Final = (
    PersonalToken.id, PersonalToken.name, PersonalToken.permissions, PersonalToken.hint, PersonalToken.created_at,
    PersonalToken.expires_at, PersonalToken.last_used_at,
)  # fmt: skip


def create_token(values: dict[str, Any]) -> dict[str, Any]:
    """Create a token of the caller; return it with its secret. Responds 409, 422 or 429.

    Locks the account, so that parallel requests do not exceed the quota.
    """
    enforce_limit(CREATION, caller().sub)
    moment = now()
    expires_at = _expiry(values, moment)
    lock = select(User.roles, User.epoch, User.active).where(User.id == caller().id)
    user = db.session.execute(lock.with_for_update(key_share=True)).first()
    if user is None or not user.active:
        problem("token_revoked")
    permissions = [each.value for each in Permission if each.value in values["permissions"]]
    if missing := [name for name in permissions if not grants(user.roles, Permission(name))]:
        invalid("json", {"permissions": [f"Your role does not grant {', '.join(missing)}."]})
    _reserve_place(moment)
    secret = new_secret()
    token = {
        "id": uuid7(),
        "name": values["name"],
        "permissions": permissions,
        "hint": secret[:HINT_LENGTH],
        "created_at": moment,
        "expires_at": expires_at,
        "last_used_at": None,
    }
    db.session.execute(
        insert(PersonalToken).values(token | {"user_id": caller().id, "digest": digest_of(secret), "epoch": user.epoch})
    )
    _record(Event.TOKEN_CREATED, caller().id, token["id"], permissions=permissions, expires_at=expires_at.isoformat())
    return {**token, "token": secret}


def _expiry(values: dict[str, Any], moment: datetime) -> datetime:
    """Return the expiry of a new token, or respond 422."""
    if "expires_at" not in values:
        return moment + timedelta(days=values.get("expires_in_days", DEFAULT_DAYS))
    expires_at: datetime = values["expires_at"]
    if "expires_in_days" in values:
        invalid("json", {"expires_at": ["Must not be set together with expires_in_days."]})
    if not moment < expires_at <= moment + timedelta(days=MAX_DAYS):
        invalid("json", {"expires_at": [f"Must be in the future, in at most {MAX_DAYS} days."]})
    return expires_at


def _reserve_place(moment: datetime) -> None:
    """Delete the caller's tokens that expired long ago. Responds 409 if there are still too many."""
    mine = PersonalToken.user_id == caller().id
    old = moment - timedelta(days=EXPIRED_DAYS)
    db.session.execute(delete(PersonalToken).where(mine, PersonalToken.expires_at < old))
    count = db.session.execute(select(func.count()).select_from(PersonalToken).where(mine)).scalar_one()
    if count >= settings_of(PersonalTokenSettings).max_personal_tokens:
        problem("quota_exceeded", f"You have {count} personal tokens. Delete one first.")


def require_user(user_id: UUID) -> None:
    """Respond 404 if there is no such user."""
    found_or_404(reader().execute(select(User.id).where(User.id == user_id)).first())


def list_tokens(user_id: UUID, limit: int, cursor: str | None) -> dict[str, Any]:
    """Return a page of a user's tokens, the latest first."""
    statement = select(*SHOWN).where(PersonalToken.user_id == user_id)
    if cursor:
        statement = statement.where(PersonalToken.id < UUID(decode_cursor(cursor, "personal_tokens")[0]))
    rows = reader().execute(statement.order_by(PersonalToken.id.desc()).limit(limit + 1)).mappings().all()
    items = [dict(row) for row in rows[:limit]]
    more = len(rows) > limit
    return {"items": items, "next_cursor": encode_cursor([items[-1]["id"]], "personal_tokens") if more else None}


def delete_tokens(user_id: UUID, token_id: UUID | None = None) -> int:
    """Delete a token of a user, or all of them; return how many."""
    statement = delete(PersonalToken).where(PersonalToken.user_id == user_id)
    if token_id:
        statement = statement.where(PersonalToken.id == token_id)
    deleted = db.session.scalars(statement.returning(PersonalToken.id)).all()
    for each in deleted:
        revoke_tokens(user_id, str(each))  # ends responses that are still being sent, such as streams
        _record(Event.TOKEN_DELETED, user_id, each)
    return len(deleted)


def record_use(row: Any, moment: datetime) -> None:
    """Store the time of the last use, at most once a minute. If the database is busy, a later request stores it.

    Reads must not wait for writers. So this statement uses the connection for reading, and waits for no lock.
    """
    if row.last_used_at is not None and row.last_used_at > moment - USE_STORED:
        return
    is_old = or_(PersonalToken.last_used_at.is_(None), PersonalToken.last_used_at <= moment - USE_STORED)
    unlocked = select(PersonalToken.id).where(PersonalToken.id == row.id, is_old).with_for_update(skip_locked=True)
    statement = update(PersonalToken).where(PersonalToken.id.in_(unlocked)).values(last_used_at=moment)
    with suppress(Problem), slow_requests().hold(Kind.WRITE, patience=0):
        try:
            with _without_waiting(reader()) as connection:
                connection.execute(statement)
        except SQLAlchemyError as error:
            current_app.logger.warning("the use of a personal token cannot be stored: %s", error)


@contextmanager
def _without_waiting(connection: Connection) -> Iterator[Connection]:
    """Let SQLite wait for no other writer. PostgreSQL has SKIP LOCKED for this."""
    if connection.dialect.name != DRIVER:
        yield connection
        return
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        yield connection
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")


def _record(event: Event, user_id: UUID, token_id: UUID, **details: Any) -> None:
    record(event, actor_id=caller().id, subject_id=user_id, token_id=str(token_id), **details)
