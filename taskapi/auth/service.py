"""Sign in, and check or change the caller's password."""

from collections.abc import Callable
from typing import Any, Final, NoReturn
from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from taskapi.api import problem
from taskapi.audit import Event, record
from taskapi.auth.sessions import (
    SUBJECT,
    Grant,
    create_session,
    end_caller_sessions,
    end_surplus_sessions,
    prune_sessions,
    session_subject,
    subject_of,
)
from taskapi.database import db, now, reader
from taskapi.security import passwords
from taskapi.security.tokens import TokenSubject, caller, require_signing_key
from taskapi.users.models import User

PASSWORD: Final = "pwd"  # noqa: S105 - the name of a method of authentication (RFC 8176)
SIGN_IN_CHECKS: list[Callable[[Any, list[str], bool], None]] = []  # of extensions: see complete_sign_in

_USER_BY_NAME = select(*SUBJECT, User.password_hash).where(User.username == bindparam("username"))
_GREATEST_HASH = select(func.max(User.password_hash))


def sign_in(username: str, password: str) -> Grant:
    """Create a session, or respond 401. An unknown name gets the same response in the same time."""
    require_signing_key()
    user = reader().execute(_USER_BY_NAME, {"username": username.lower()}).first()
    is_right = passwords.check_password(password, user.password_hash if user else None, _highest_cost())
    if user is None or not is_right or not user.active:
        _reject_password(user.id if user else None)
    new_hash = passwords.rehash_if_needed(password, user.password_hash)
    _lock_unchanged(user)
    if new_hash != user.password_hash:
        db.session.execute(update(User).where(User.id == user.id).values(password_hash=new_hash))
    return complete_sign_in(user, [PASSWORD], fresh=True)


def complete_sign_in(user: Any, amr: list[str], *, fresh: bool) -> Grant:
    """Create the session of a locked, active account whose owner has proved who they are by the methods of `amr`.

    An extension may ask for another method first: its check responds 401. `fresh`: they have just entered credentials.
    """
    for check in SIGN_IN_CHECKS:
        check(user, amr, fresh)
    prune_sessions(user.id)
    record(Event.SIGN_IN, actor_id=user.id, subject_id=user.id, amr=amr)
    grant = create_session(subject_of(user, amr), now(), fresh=fresh)
    end_surplus_sessions(user.id)
    return grant


def _highest_cost() -> int:
    """Return the highest bcrypt cost of the stored hashes. A hash starts with its cost, as in `$2b$12$…`."""
    greatest = reader().execute(_GREATEST_HASH).scalar()
    return passwords.cost_of(greatest) if greatest else 0


def _lock_unchanged(user: Any) -> None:
    """Lock an account, or respond 401 if its password or state changed while the password was checked."""
    current = db.session.execute(_USER_BY_NAME.with_for_update(key_share=True), {"username": user.username}).first()
    if current is None or current.password_hash != user.password_hash or not current.active:
        _reject_password(user.id)


def current_subject() -> tuple[TokenSubject, int]:
    """Return the current state of the caller, and the seconds until their session expires without use."""
    subject, session = session_subject(caller().session_id)
    return subject, int((session.expires_at - now()).total_seconds())


def require_password(password: str) -> None:
    """Respond 401 unless this is the caller's password."""
    hashed = reader().execute(select(User.password_hash).where(User.id == caller().id)).scalar()
    if not passwords.check_password(password, hashed):
        _reject_password(caller().id)


def change_password(current: str, new: str) -> Grant:
    """Change the caller's password, end all their sessions, and create a new one."""
    require_password(current)
    user = reader().execute(select(User.username, User.name, User.email).where(User.id == caller().id)).mappings().one()
    passwords.require_strength(new, passwords.own_words(**user), field="new_password")
    hashed = passwords.hash_password(new)
    record(Event.PASSWORD_CHANGED, actor_id=caller().id, subject_id=caller().id)
    subject, _ = end_caller_sessions()
    db.session.execute(update(User).where(User.id == caller().id).values(password_hash=hashed))
    return create_session(subject, now(), fresh=True)


def _reject_password(user_id: UUID | None) -> NoReturn:
    """Record a failed sign-in and respond 401. An unknown name is not recorded: it may be a mistyped password."""
    record(Event.SIGN_IN_FAILED, subject_id=user_id)
    db.session.commit()
    problem("invalid_credentials")
