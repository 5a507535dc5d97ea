"""Sessions: begun by a password, continued by refresh tokens, ended at once.

A refresh token is 256 bits; its successor is an HMAC of it, so that a client whose response was lost, or a second tab,
gets the same one again for a few seconds. The order of the steps is what keeps this safe: see each function.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_network
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, select, update
from uuid_utils.compat import uuid7

from taskapi.api import problem
from taskapi.audit import Event, record
from taskapi.audit.log import request_origin
from taskapi.auth.models import RefreshToken, Session
from taskapi.config import settings
from taskapi.database import db, now, reader
from taskapi.resources.pagination import decode_cursor, encode_cursor
from taskapi.security import denylist, passwords
from taskapi.security.client_address import parse_address
from taskapi.security.keys import current_key_set
from taskapi.security.tokens import TokenSubject, caller, require_signing_key
from taskapi.users.models import User

TOKEN_BYTES = 32
SESSION = (
    Session.id, Session.created_at, Session.last_used_at, Session.expires_at, Session.ip, Session.user_agent,
    Session.repeats, Session.repeated_at, Session.repeated_ip, Session.repeated_user_agent,
)  # fmt: skip


STANDING = (User.id, User.username, User.name, User.roles, User.epoch, User.active)
_BY_NAME = select(*STANDING, User.password_hash).where(User.username == bindparam("username"))
_GREATEST_HASH = select(func.max(User.password_hash))


@dataclass(frozen=True, slots=True)
class Granted:
    """What a sign-in or a refresh comes to: a session, its refresh token and that token's end."""

    subject: TokenSubject
    session_id: UUID
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime
    fresh: bool


def sign_in(username: str, password: str) -> Granted:
    """Begin a session, or answer 401, the same for a name that does not exist, and in the same time."""
    require_signing_key()
    user = reader().execute(_BY_NAME, {"username": username.lower()}).first()
    right = passwords.check_password(password, user.password_hash if user else None, highest_cost())
    if user is None or not right or not user.active:
        _refuse_password(user.id if user else None)
    renewed = passwords.rehash_if_needed(password, user.password_hash)
    _lock_as_checked(user)
    if renewed != user.password_hash:
        db.session.execute(update(User).where(User.id == user.id).values(password_hash=renewed))
    prune_sessions()
    record(Event.SIGN_IN, actor_id=user.id, subject_id=user.id)
    granted = _begin(subject_of(user), now(), fresh=True)
    _end_surplus_sessions(user.id)
    return granted


def _end_surplus_sessions(user_id: UUID) -> None:
    """End the sessions that were used longest ago, where a user has more than `max_sessions`."""
    latest_first = (Session.last_used_at.desc(), Session.id.desc())
    surplus = select(Session.id).where(Session.user_id == user_id).order_by(*latest_first)
    for session_id in db.session.scalars(surplus.offset(settings().max_sessions)).all():
        end_session(session_id, user_id)


def highest_cost() -> int:
    """Return the highest bcrypt cost of the stored hashes. A hash starts with its cost, as in `$2b$12$…`."""
    greatest = reader().execute(_GREATEST_HASH).scalar()
    return passwords.cost_of(greatest) if greatest else 0


def refresh(token: str) -> Granted:
    """Give a token's successor for it, once; answers 401, and ends the session where the use is a theft.

    The swap is one conditional statement, so that of many at the same moment one spends the token, and the others find
    it spent, with its successor there.
    """
    require_signing_key()
    moment = now()
    _lock_session_of(token)
    session_id = _spend(token, moment)
    if session_id is not None:
        return _carry_on(session_id, next(_successors(token)), moment)
    found = db.session.get(RefreshToken, _digest(token))
    if found is None or found.spent_at is None:
        problem("invalid_refresh_token")  # never issued, its session ended, or expired unused
    return _repeat(token, found, moment)


def end_session(session_id: UUID, user_id: UUID) -> bool:
    """End one of a person's sessions: refresh tokens are gone, access tokens void. Tell whether it was there."""
    gone = db.session.execute(
        delete(Session).where(Session.id == session_id, Session.user_id == user_id).returning(Session.id)
    ).first()
    if gone is not None:
        denylist.revoke_session(user_id, session_id)
        record(Event.SIGN_OUT, actor_id=user_id, subject_id=user_id, session_id=str(session_id))
    return gone is not None


def end_sessions(user_id: UUID, actor_id: UUID | None) -> dict[UUID, datetime]:
    """End all sessions of a user; return when each began.

    The account is locked first, as signing in does: no session may begin between the look and the end.
    """
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    ended = db.session.execute(
        delete(Session).where(Session.user_id == user_id).returning(Session.id, Session.created_at)
    ).all()
    for row in ended:
        denylist.revoke_session(user_id, row.id)
        record(Event.SIGN_OUT, actor_id=actor_id, subject_id=user_id, session_id=str(row.id))
    return {row.id: row.created_at for row in ended}


def replace_sessions() -> Granted:
    """End all sessions of the caller, the current one included, and begin a new one in its place.

    Whoever shared the current session is out, and so are its spent refresh tokens. No password was entered, so the new
    session ends when the old one would have, and its access token is not fresh.
    """
    subject, begun_at = _end_all_of_caller()
    granted = _begin(subject, begun_at, fresh=False)
    if granted.refresh_expires_at <= now():
        problem("token_revoked")
    return granted


def _end_all_of_caller() -> tuple[TokenSubject, datetime]:
    """End all sessions of the caller; return their standing, and when the current session began.

    Responds 401 where the current session is gone: whoever ended it must not be outlived by a request that was already
    under way.
    """
    require_signing_key()
    begun_at = end_sessions(caller().id, caller().id).get(caller().session_id)
    user = db.session.execute(select(*STANDING).where(User.id == caller().id)).first()
    if user is None or not user.active or begun_at is None:
        problem("token_revoked")
    return subject_of(user), begun_at


def session_of(token: str) -> tuple[UUID, UUID] | None:
    """Return the session that a refresh token belongs to, and its person; spent or not."""
    row = db.session.execute(
        select(Session.id, Session.user_id)
        .join(RefreshToken, RefreshToken.session_id == Session.id)
        .where(RefreshToken.digest == _digest(token))
    ).first()
    return None if row is None else (row.id, row.user_id)


def prune_sessions() -> int:
    """Delete the sessions and denylist entries whose time is over; return how many."""
    gone: Any = db.session.execute(delete(Session).where(Session.expires_at < now()))
    sessions: int = gone.rowcount
    return sessions + denylist.prune_denylist()


def current_subject() -> tuple[TokenSubject, int]:
    """Return how the caller stands now, and the seconds that their session has left without use."""
    subject, session = _subject_and_session(caller().session_id)
    return subject, int((session.expires_at - now()).total_seconds())


def require_password(password: str) -> None:
    """Answer 401 unless this is the caller's password."""
    hashed = reader().execute(select(User.password_hash).where(User.id == caller().id)).scalar()
    if not passwords.check_password(password, hashed):
        _refuse_password(caller().id)


def change_password(current: str, new: str) -> Granted:
    """Change the caller's password, end all their sessions, and begin a new one."""
    require_password(current)
    person = reader().execute(select(User.username, User.name, User.email).where(User.id == caller().id)).one()
    passwords.require_strength(new, own_words(**person._mapping), field="new_password")
    hashed = passwords.hash_password(new)
    record(Event.PASSWORD_CHANGED, actor_id=caller().id, subject_id=caller().id)
    subject, _ = _end_all_of_caller()
    db.session.execute(update(User).where(User.id == caller().id).values(password_hash=hashed))
    return _begin(subject, now(), fresh=True)


def own_words(username: str, name: str | None = None, email: str | None = None, **_: Any) -> list[str]:
    """Return what a password is easily guessed from."""
    return [word for word in (username, name, email) if word]


def live_sessions(limit: int, cursor: str | None) -> dict[str, Any]:
    """Return a page of the caller's sessions, the latest first."""
    living = select(*SESSION).where(Session.user_id == caller().id, Session.expires_at > now())
    if cursor:
        living = living.where(Session.id < UUID(decode_cursor(cursor, "sessions")[0]))
    rows = reader().execute(living.order_by(Session.id.desc()).limit(limit + 1)).all()
    items = [_shown(row) for row in rows[:limit]]
    return {"items": items, "next_cursor": encode_cursor([items[-1]["id"]], "sessions") if len(rows) > limit else None}


def _shown(row: Any) -> dict[str, Any]:
    last = {"at": row.repeated_at, "ip": row.repeated_ip, "user_agent": row.repeated_user_agent}
    return {
        "id": row.id,
        "created_at": row.created_at,
        "last_used_at": row.last_used_at,
        "expires_at": row.expires_at,
        "ip": row.ip,
        "user_agent": row.user_agent,
        "current": row.id == caller().session_id,
        "repeated_refreshes": row.repeats,
        "last_repeat": last if row.repeats else None,
    }


def _lock_as_checked(user: Any) -> None:
    """Keep an account as it was when its password was checked, which took a while; answer 401 where it is not."""
    now_is = db.session.execute(_BY_NAME.with_for_update(key_share=True), {"username": user.username}).first()
    if now_is is None or now_is.password_hash != user.password_hash or not now_is.active:
        _refuse_password(user.id)


def _begin(subject: TokenSubject, begun_at: datetime, *, fresh: bool) -> Granted:
    """Begin a session; its absolute end counts from `begun_at`, when the password was entered."""
    moment, session_id, came_from = now(), uuid7(), request_origin()
    token = urlsafe_b64encode(secrets.token_bytes(TOKEN_BYTES)).rstrip(b"=").decode()
    expires_at = _end_of_use(moment, begun_at)
    db.session.execute(
        insert(Session).values(
            id=session_id,
            user_id=subject.user_id,
            created_at=begun_at,
            last_used_at=moment,
            expires_at=expires_at,
            ip=came_from["ip"],
            user_agent=came_from["user_agent"],
        )
    )
    _store(token, session_id, expires_at)
    return Granted(subject, session_id, token, expires_at, fresh=fresh)


def _drop_oldest_tokens(session_id: UUID) -> None:
    """Delete the tokens that a session spent longest ago, beyond `max_refresh_tokens`; their use is refused as ever."""
    spent = select(RefreshToken.digest).where(RefreshToken.session_id == session_id, RefreshToken.spent_at.is_not(None))
    oldest = spent.order_by(RefreshToken.spent_at.desc()).offset(settings().max_refresh_tokens)
    db.session.execute(
        delete(RefreshToken).where(RefreshToken.digest.in_(oldest)), execution_options={"synchronize_session": False}
    )


def _lock_session_of(token: str) -> None:
    """Lock the session before its tokens, in the order of whatever ends it; the other way round the two deadlock."""
    held = select(RefreshToken.session_id).where(RefreshToken.digest == _digest(token)).scalar_subquery()
    db.session.execute(select(Session.id).where(Session.id == held).with_for_update())


def _spend(token: str, moment: datetime) -> UUID | None:
    """Spend a living token and return its session; None where there is nothing to spend."""
    spent: UUID | None = db.session.execute(
        update(RefreshToken)
        .where(RefreshToken.digest == _digest(token), RefreshToken.spent_at.is_(None), RefreshToken.expires_at > moment)
        .values(spent_at=moment)
        .returning(RefreshToken.session_id)
    ).scalar()
    return spent


def _carry_on(session_id: UUID, successor: str, moment: datetime) -> Granted:
    subject, session = _subject_and_session(session_id)
    expires_at = _end_of_use(moment, session.created_at)
    if expires_at <= moment:
        problem("invalid_refresh_token")
    _store(successor, session_id, expires_at)
    _drop_oldest_tokens(session_id)
    came_from = request_origin()
    used = {
        "last_used_at": moment,
        "expires_at": expires_at,
        "refreshed_ip": came_from["ip"],
        "refreshed_user_agent": came_from["user_agent"],
    }
    db.session.execute(update(Session).where(Session.id == session_id).values(used))
    return Granted(subject, session_id, successor, expires_at, fresh=False)


def _subject_and_session(session_id: UUID) -> tuple[TokenSubject, Any]:
    """Return what a new token says of a session's user, as they stand now, and the session's row."""
    row = db.session.execute(
        select(
            *STANDING,
            Session.created_at,
            Session.expires_at,
            Session.refreshed_ip,
            Session.refreshed_user_agent,
        )
        .join(Session, Session.user_id == User.id)
        .where(Session.id == session_id)
    ).first()
    if row is None or not row.active:
        problem("invalid_refresh_token")
    return subject_of(row), row


def subject_of(user: Any) -> TokenSubject:
    """Return a user, or a row with their columns, as the subject of a token."""
    return TokenSubject(user.id, user.name or user.username, user.roles, user.epoch)


def _end_of_use(moment: datetime, begun_at: datetime) -> datetime:
    idle = moment + timedelta(seconds=settings().refresh_token_seconds)
    return min(idle, begun_at + timedelta(seconds=settings().session_max_seconds))


def _repeat(token: str, spent: RefreshToken, moment: datetime) -> Granted:
    """Give the unused successor once more, within the grace, and record who asked. Any other use is a theft."""
    successor = next((made for made in _successors(token) if _is_unspent(made)), None)
    grace = timedelta(seconds=settings().refresh_grace_seconds)
    subject, session = _subject_and_session(spent.session_id)
    late = spent.spent_at is None or moment - spent.spent_at >= grace
    if successor is None or late or _is_elsewhere(session):
        _end_stolen(spent.session_id)
        problem("invalid_refresh_token")
    came_from = request_origin()
    repeat = {
        "repeats": Session.repeats + 1,
        "repeated_at": moment,
        "repeated_ip": came_from["ip"],
        "repeated_user_agent": came_from["user_agent"],
    }
    db.session.execute(update(Session).where(Session.id == spent.session_id).values(repeat))
    record(Event.REFRESH_TOKEN_REPEATED, subject_id=subject.user_id, session_id=str(spent.session_id))
    return Granted(subject, spent.session_id, successor, session.expires_at, fresh=False)


def _is_elsewhere(session: Any) -> bool:
    """Tell whether the request comes from another network and another user agent than the session's last refresh.

    One of the two changes by itself: a phone leaves the Wi-Fi, a browser shares its cookies with a service worker.
    """
    came_from = request_origin()
    known, here = session.refreshed_ip, came_from["ip"]
    return (
        bool(known and here and _network(known) != _network(here))
        and session.refreshed_user_agent != came_from["user_agent"]
    )


def _network(address: str) -> str:
    """Return the /24 of an IPv4 address, the /64 of an IPv6 one."""
    parsed = parse_address(address)
    return str(ip_network((parsed, 24 if parsed.version == 4 else 64), strict=False)) if parsed else address


def _successors(token: str) -> Iterator[str]:
    """Return what may follow a token: by the key in use, then by each that may have been in use when it was spent."""
    return (_successor(secret, token) for secret in current_key_set().secrets("refresh"))


def _is_unspent(token: str) -> bool:
    found = db.session.get(RefreshToken, _digest(token))
    return found is not None and found.spent_at is None


def _end_stolen(session_id: UUID) -> None:
    """End a session whose spent token came back, for good: the refusal that follows must not undo it."""
    user_id = db.session.execute(delete(Session).where(Session.id == session_id).returning(Session.user_id)).scalar()
    if user_id is not None:
        denylist.revoke_session(user_id, session_id)
        record(Event.REFRESH_TOKEN_THEFT, subject_id=user_id, session_id=str(session_id))
    db.session.commit()


def _refuse_password(subject_id: UUID | None) -> NoReturn:
    """Answer 401 and keep what was tried; not the name that nobody has: it may be a password."""
    record(Event.SIGN_IN_FAILED, subject_id=subject_id)
    db.session.commit()
    problem("invalid_credentials")


def _store(token: str, session_id: UUID, expires_at: datetime) -> None:
    db.session.execute(insert(RefreshToken).values(digest=_digest(token), session_id=session_id, expires_at=expires_at))


def _successor(secret: bytes, token: str) -> str:
    return urlsafe_b64encode(hmac.digest(secret, token.encode(), "sha256")).rstrip(b"=").decode()


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
