"""Sessions: create, list and end them."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select
from uuid_utils.compat import uuid7

from taskapi.api import problem
from taskapi.audit import Event, record
from taskapi.audit.log import request_origin
from taskapi.auth.models import RefreshToken, Session
from taskapi.config import settings
from taskapi.database import db, now, reader
from taskapi.resources.pagination import decode_cursor, encode_cursor
from taskapi.security.tokens import TokenSubject, caller, prune_denylist, require_signing_key, revoke_tokens
from taskapi.users.models import User

TOKEN_BYTES = 32
LISTED = (
    Session.id, Session.created_at, Session.last_used_at, Session.expires_at, Session.ip, Session.user_agent,
    Session.repeats, Session.repeated_at, Session.repeated_ip, Session.repeated_user_agent,
)  # fmt: skip
_STATE = (Session.created_at, Session.expires_at, Session.refreshed_ip, Session.refreshed_user_agent)
SUBJECT = (User.id, User.username, User.name, User.roles, User.epoch, User.active)


@dataclass(frozen=True, slots=True)
class Grant:
    """The result of a sign-in or a refresh: a session, its refresh token and when that expires."""

    subject: TokenSubject
    session_id: UUID
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime
    fresh: bool


def subject_of(user: Any, amr: Iterable[str]) -> TokenSubject:
    """Return a user, or a row with the columns of one, as the subject of a token. `amr` is how they signed in."""
    return TokenSubject(user.id, user.name or user.username, user.roles, user.epoch, [*amr])


def create_session(subject: TokenSubject, started_at: datetime, *, fresh: bool) -> Grant:
    """Create a session. Its absolute end counts from `started_at`, when the user signed in."""
    moment, session_id, origin = now(), uuid7(), request_origin()
    token = urlsafe_b64encode(secrets.token_bytes(TOKEN_BYTES)).rstrip(b"=").decode()
    expires_at = next_expiry(moment, started_at)
    db.session.execute(
        insert(Session).values(
            id=session_id,
            user_id=subject.user_id,
            created_at=started_at,
            last_used_at=moment,
            expires_at=expires_at,
            ip=origin["ip"],
            user_agent=origin["user_agent"],
            amr=subject.amr,
        )
    )
    store_token(token, session_id, expires_at)
    return Grant(subject, session_id, token, expires_at, fresh=fresh)


def session_subject(session_id: UUID) -> tuple[TokenSubject, Any]:
    """Return the user and the row of a session. Responds 401 if either does not exist any more."""
    row = db.session.execute(
        select(*SUBJECT, Session.amr, *_STATE).join(Session, Session.user_id == User.id).where(Session.id == session_id)
    ).first()
    if row is None or not row.active:
        problem("invalid_refresh_token")
    return subject_of(row, row.amr), row


def find_session(token: str) -> tuple[UUID, UUID] | None:
    """Return the ids of the session and the user of a refresh token, spent or not."""
    row = db.session.execute(
        select(Session.id, Session.user_id)
        .join(RefreshToken, RefreshToken.session_id == Session.id)
        .where(RefreshToken.digest == digest_of(token))
    ).first()
    return None if row is None else (row.id, row.user_id)


def end_session(session_id: UUID, user_id: UUID) -> bool:
    """End a session of a user: delete its refresh tokens, revoke its access tokens. Returns False if not found."""
    ended = db.session.execute(
        delete(Session).where(Session.id == session_id, Session.user_id == user_id).returning(Session.id)
    ).first()
    if ended is not None:
        revoke_tokens(user_id, str(session_id))
        record(Event.SIGN_OUT, actor_id=user_id, subject_id=user_id, session_id=str(session_id))
    return ended is not None


def end_sessions(user_id: UUID, actor_id: UUID | None) -> dict[UUID, datetime]:
    """End all sessions of a user; return when each started.

    Locks the account first, as a sign-in does, so that no session starts meanwhile.
    """
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    ended = db.session.execute(
        delete(Session).where(Session.user_id == user_id).returning(Session.id, Session.created_at)
    ).all()
    for row in ended:
        revoke_tokens(user_id, str(row.id))
        record(Event.SIGN_OUT, actor_id=actor_id, subject_id=user_id, session_id=str(row.id))
    return {row.id: row.created_at for row in ended}


def end_caller_sessions(amr: Iterable[str] | None = None) -> tuple[TokenSubject, datetime]:
    """End all sessions of the caller; return the caller as a subject, and when the current session started.

    The next session keeps the `amr` of the current one, unless the caller has added or removed a factor.
    Responds 401 if the current session has ended while the request ran.
    """
    require_signing_key()
    started_at = end_sessions(caller().id, caller().id).get(caller().session_id)
    user = db.session.execute(select(*SUBJECT).where(User.id == caller().id)).first()
    if user is None or not user.active or started_at is None:
        problem("token_revoked")
    return subject_of(user, caller().amr if amr is None else amr), started_at


def replace_sessions(amr: Iterable[str] | None = None) -> Grant:
    """End all sessions of the caller, the current one included, and create a new one.

    Anybody who has tokens of the current session can no longer use them. No password was entered, so the new session
    keeps the absolute end of the old one, and its access token is not fresh.
    """
    subject, started_at = end_caller_sessions(amr)
    grant = create_session(subject, started_at, fresh=False)
    if grant.refresh_expires_at <= now():
        problem("token_revoked")
    return grant


def end_surplus_sessions(user_id: UUID) -> None:
    """End the sessions beyond `max_sessions` that were used longest ago."""
    latest_first = (Session.last_used_at.desc(), Session.id.desc())
    surplus = select(Session.id).where(Session.user_id == user_id).order_by(*latest_first)
    for session_id in db.session.scalars(surplus.offset(settings().max_sessions)).all():
        end_session(session_id, user_id)


def prune_sessions(user_id: UUID | None = None) -> int:
    """Delete expired sessions, and the expired denylist entries of one user or of all; return how many."""
    deleted: Any = db.session.execute(delete(Session).where(Session.expires_at < now()))
    sessions: int = deleted.rowcount
    return sessions + prune_denylist(user_id)


def list_sessions(limit: int, cursor: str | None) -> dict[str, Any]:
    """Return a page of the caller's sessions, the latest first."""
    statement = select(*LISTED).where(Session.user_id == caller().id, Session.expires_at > now())
    if cursor:
        statement = statement.where(Session.id < UUID(decode_cursor(cursor, "sessions")[0]))
    rows = reader().execute(statement.order_by(Session.id.desc()).limit(limit + 1)).all()
    items = [_to_item(row) for row in rows[:limit]]
    return {
        "items": items,
        "next_cursor": encode_cursor([items[-1]["id"]], "sessions") if len(rows) > limit else None,
    }


def _to_item(row: Any) -> dict[str, Any]:
    repeat = {"at": row.repeated_at, "ip": row.repeated_ip, "user_agent": row.repeated_user_agent}
    return {
        "id": row.id,
        "created_at": row.created_at,
        "last_used_at": row.last_used_at,
        "expires_at": row.expires_at,
        "ip": row.ip,
        "user_agent": row.user_agent,
        "current": row.id == caller().session_id,
        "repeated_refreshes": row.repeats,
        "last_repeat": repeat if row.repeats else None,
    }


def next_expiry(moment: datetime, started_at: datetime) -> datetime:
    """Return when a session that is used now expires: after a time without use, at the latest at its absolute end."""
    unused = moment + timedelta(seconds=settings().refresh_token_seconds)
    return min(unused, started_at + timedelta(seconds=settings().session_max_seconds))


def store_token(token: str, session_id: UUID, expires_at: datetime) -> None:
    """Store the digest of a new refresh token."""
    db.session.execute(
        insert(RefreshToken).values(digest=digest_of(token), session_id=session_id, expires_at=expires_at)
    )


def digest_of(token: str) -> bytes:
    """Return the SHA-256 of a refresh token."""
    return sha256(token.encode()).digest()
