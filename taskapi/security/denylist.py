"""The denylist: access tokens that are revoked before they expire, by token, by session or by user.

The denylist is a table, written in the transaction that revokes. A request reads it in one statement. A user is
revoked by their `epoch`: a token with a lower epoch is revoked, and so is the token of a user who does not exist.
"""

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy import BigInteger, ForeignKey, Uuid, bindparam, column, delete, exists, literal, select, table, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.api import problem
from taskapi.config import settings
from taskapi.database import NO_RLS, Model, PreparedStatement, UtcDateTime, db, now, reader
from taskapi.ops.metrics import DENYLIST
from taskapi.security.tokens import LEEWAY, Caller

_GOOD, _REVOKED, _UNAVAILABLE = (DENYLIST.labels(result) for result in ("good", "revoked", "unavailable"))


class DenylistEntry(Model):
    """A revoked token (`subject` is its jti) or session (its id), kept until its tokens have expired.

    Without row-level security: if a policy hid a row, its token would be accepted.
    """

    __tablename__ = "denylist"
    __table_args__ = {"info": NO_RLS}  # noqa: RUF012 - SQLAlchemy's

    owner_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


_USERS = table("users", column("id", Uuid()), column("epoch", BigInteger()))
_DENIED = exists().where(
    DenylistEntry.owner_id == bindparam("user"),
    DenylistEntry.subject.in_([bindparam("token"), bindparam("session")]),
)
_IS_GOOD = PreparedStatement(
    select(literal(1).label("good")).where(
        _USERS.c.id == bindparam("user"), _USERS.c.epoch <= bindparam("epoch"), ~_DENIED
    )
)
_PUT = text(
    "INSERT INTO denylist (owner_id, subject, expires_at) VALUES (:owner_id, :subject, :expires_at) "
    "ON CONFLICT (owner_id, subject) DO UPDATE SET expires_at = excluded.expires_at"
).bindparams(bindparam("owner_id", type_=Uuid()), bindparam("expires_at", type_=UtcDateTime()))


def revoke_session(user_id: UUID, session_id: UUID) -> None:
    """Revoke every access token of a user's session."""
    _revoke(user_id, str(session_id))


def revoke_token(user_id: UUID, token_id: str) -> None:
    """Revoke one access token of a user, by its `jti`."""
    _revoke(user_id, token_id)


def revoke_everything() -> list[tuple[str, dict[str, int]]]:
    """Return statements and their parameters that revoke every token and end every session.

    A user's epoch becomes the current time in milliseconds: higher than that of any issued token, including tokens
    issued after the backup that was restored.
    """
    raise_epochs = "UPDATE users SET epoch = CASE WHEN epoch < :instant THEN :instant ELSE epoch + 1 END"
    return [(raise_epochs, {"instant": time.time_ns() // 1_000_000}), ("DELETE FROM sessions", {})]


def is_revoked(caller: Caller) -> bool:
    """Tell whether the caller's token, session or user is revoked. Responds 503 if the database cannot be read."""
    try:
        good = _IS_GOOD.all(
            reader(), {"user": caller.id, "epoch": caller.epoch, "token": caller.jti, "session": caller.sid}
        )
    except SQLAlchemyError as error:
        _UNAVAILABLE.inc()
        current_app.logger.warning("the denylist cannot be read: %s", error)
        problem("unavailable")
    (_GOOD if good else _REVOKED).inc()
    return not good


def prune_denylist() -> int:
    """Delete the entries whose tokens have expired; return how many."""
    deleted: Any = db.session.execute(delete(DenylistEntry).where(DenylistEntry.expires_at < now()))
    count: int = deleted.rowcount
    return count


def _revoke(user_id: UUID, subject: str) -> None:
    expires_at = now() + timedelta(seconds=settings().access_token_seconds + 2 * LEEWAY)
    db.session.execute(_PUT, {"owner_id": user_id, "subject": subject, "expires_at": expires_at})
