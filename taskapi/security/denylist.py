"""The denylist: access tokens that are void before they expire, by token, session or person. One look-up a request.

The database has every entry. With Redis the look-up goes there; a Redis that has lost its entries is filled again from
the database before it is believed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import BigInteger, bindparam, delete, event, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column

from taskapi.api import problem
from taskapi.config import settings
from taskapi.database import Model, Prepared, UtcDateTime, db, now, reader
from taskapi.ops.metrics import DENYLIST
from taskapi.security.claims import LEEWAY
from taskapi.security.redis import ask, redis
from taskapi.security.tokens import Caller

READY: Final = "taskapi:denylist"
PREFIX: Final = "taskapi:revoked:"
ANY_EPOCH: Final = 2**53
_GOOD, _REVOKED = DENYLIST.labels("good"), DENYLIST.labels("revoked")


class Revocation(Model):
    """A token or session that is void, or a person whose tokens below an epoch are; kept while one could still live."""

    __tablename__ = "revocations"

    subject: Mapped[str] = mapped_column(primary_key=True)
    below_epoch: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime] = mapped_column(index=True)


_FIND = Prepared(
    select(Revocation.below_epoch).where(
        Revocation.subject.in_([bindparam("token"), bindparam("session"), bindparam("person")])
    )
)
_PUT = text(
    "INSERT INTO revocations (subject, below_epoch, expires_at) VALUES (:subject, :below_epoch, :expires_at) "
    "ON CONFLICT (subject) DO UPDATE SET below_epoch = excluded.below_epoch, expires_at = excluded.expires_at"
).bindparams(bindparam("expires_at", type_=UtcDateTime()))


def revoke_session(session_id: UUID) -> None:
    """Void every access token of a session, at once."""
    _revoke(str(session_id), ANY_EPOCH)


def revoke_token(token_id: str) -> None:
    """Void one access token by its `jti`, at once."""
    _revoke(token_id, ANY_EPOCH)


def revoke_user(user_id: UUID, below_epoch: int = ANY_EPOCH) -> None:
    """Void a person's access tokens of an epoch below this one, at once."""
    _revoke(str(user_id), below_epoch)


def is_revoked(caller: Caller) -> bool:
    """Tell whether the caller's token, session or standing is void; answers 503 where that cannot be told."""
    try:
        revoked = _look_up(caller)
    except (RedisError, SQLAlchemyError) as error:
        DENYLIST.labels("unavailable").inc()
        current_app.logger.warning("the denylist did not answer: %s", error)
        problem("unavailable")
    (_REVOKED if revoked else _GOOD).inc()
    return revoked


def _look_up(caller: Caller) -> bool:
    subjects = (caller.jti, caller.sid, caller.sub)
    store = redis()
    if store is None:
        return _is_in_database(subjects, caller.epoch)
    found: list[bytes | None]
    ready, *found = ask(store, "MGET", READY, *(PREFIX + subject for subject in subjects))
    if ready is None:
        _fill(store)
        return _is_in_database(subjects, caller.epoch)
    return any(below is not None and caller.epoch < int(below) for below in found)


def prune_denylist() -> int:
    """Delete the entries that no living token needs; return how many."""
    gone: Any = db.session.execute(delete(Revocation).where(Revocation.expires_at < now()))
    count: int = gone.rowcount
    return count


def _revoke(subject: str, below_epoch: int) -> None:
    """Write to Redis before the transaction ends: for others, void too early is safe, too late is not."""
    life = settings().access_token_seconds + 2 * LEEWAY
    entry = {"subject": subject, "below_epoch": below_epoch, "expires_at": now() + timedelta(seconds=life)}
    db.session.execute(_PUT, entry)
    if store := redis():
        db.session().info.setdefault("revoked", {})[PREFIX + subject] = (below_epoch, life)
        try:
            store.set(PREFIX + subject, below_epoch, ex=life)
        except RedisError as error:
            current_app.logger.warning("the denylist cannot be written: %s", error)
            problem("unavailable")


def _say_again(session: Session) -> None:
    """Write what was committed once more: a Redis that lost its entries meanwhile was filled without it."""
    if revoked := session.info.pop("revoked", None):
        with _tolerated("the denylist cannot be written again") as pipeline:
            for key, (below_epoch, life) in revoked.items():
                pipeline.set(key, below_epoch, ex=life)


def _take_back(session: Session, transaction: SessionTransaction) -> None:
    """Take out what was not committed after all, and have Redis filled with what holds."""
    if transaction.parent is None and (revoked := session.info.pop("revoked", None)):
        with _tolerated("the denylist holds more than was committed, until it expires") as pipeline:
            pipeline.delete(READY, *revoked)


@contextmanager
def _tolerated(what: str) -> Iterator[Any]:
    """Yield a pipeline that is run at the end; the log tells where Redis did not answer."""
    pipeline = cast("Redis", redis()).pipeline(transaction=True)
    yield pipeline
    try:
        pipeline.execute()
    except RedisError as error:
        current_app.logger.warning("%s: %s", what, error)


event.listen(Session, "after_commit", _say_again)
event.listen(Session, "after_transaction_end", _take_back)


def _is_in_database(subjects: tuple[str, str, str], epoch: int) -> bool:
    token, session, person = subjects
    rows = _FIND.all(reader(), {"token": token, "session": session, "person": person})
    return any(epoch < below_epoch for (below_epoch,) in rows)


def _fill(store: Redis) -> None:
    """Put every entry of the database into a Redis that has lost its own, and only then mark it as ready."""
    moment = now()
    entries = select(Revocation.subject, Revocation.below_epoch, Revocation.expires_at).where(
        Revocation.expires_at > moment
    )
    pipeline = store.pipeline(transaction=True)
    for subject, below_epoch, expires_at in reader().execute(entries):
        pipeline.set(PREFIX + subject, below_epoch, ex=int((expires_at - moment).total_seconds()) + 1, nx=True)
    pipeline.set(READY, 1)
    pipeline.execute()
