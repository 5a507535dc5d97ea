"""Links in mails: create them, and use them once.

The token is 256 random bits, and only its SHA-256 is stored. It is in the fragment of the URL, which browsers do not
send, so it is in no log and no Referer. Opening the page changes nothing: the page sends the token by POST.
"""

import secrets
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, select, update

from taskapi.api import problem
from taskapi.api.responses import to_json
from taskapi.database import db, now, reader
from taskapi.extensions.account_mail.models import MailLink
from taskapi.extensions.account_mail.settings import public_url
from taskapi.users.models import User

TOKEN_BYTES: Final = 32
LINK_MINUTES: Final = 30
MAX_LINKS: Final = 3  # valid at once, for one account or address: further mails are not sent
KEPT_DAYS: Final = 1


class Purpose(StrEnum):
    """What a link is for, and the view of the web client that it opens."""

    RESET = "reset-password"
    VERIFY = "verify-email"


def lookup_of(email: str) -> str:
    """Return the form in which addresses are compared. Mail is sent only to the address as it is stored."""
    return email.lower()


def state_of(user: Any) -> bytes:
    """Return a digest that changes with the password, the address, the roles, and each deactivation of a user."""
    return sha256(to_json([str(user.id), user.password_hash, user.epoch, user.email])).digest()


def lock_user(user_id: UUID) -> User | None:
    """Lock an account and read its current state."""
    statement = select(User).where(User.id == user_id).with_for_update(key_share=True)
    return db.session.scalars(statement, execution_options={"populate_existing": True}).first()


def create_link(user: User, purpose: Purpose, email: str, request_id: UUID) -> str | None:
    """Create a link for a locked account; None if the account or the address already has enough valid ones.

    So nobody can flood a mailbox, and whoever owns it has a valid link whenever a mail is left out. Links of earlier
    attempts to send the same mail do not count: nobody has received them.
    """
    db.session.execute(delete(MailLink).where(MailLink.expires_at < now() - timedelta(days=KEPT_DAYS)))
    is_recent = MailLink.purpose == purpose, MailLink.expires_at > now(), MailLink.request_id != request_id
    recent = select(func.count(MailLink.request_id.distinct())).where(*is_recent)
    lookup = lookup_of(email)
    is_same = [MailLink.user_id == user.id]
    if purpose == Purpose.VERIFY:  # of a mailbox that may belong to a stranger
        is_same.append(MailLink.lookup == lookup)
    for same in is_same:
        if db.session.execute(recent.where(same)).scalar_one() >= MAX_LINKS:
            return None
    token = secrets.token_urlsafe(TOKEN_BYTES)
    expires_at = now() + timedelta(minutes=LINK_MINUTES)
    link = MailLink(digest=_digest(token), user_id=user.id, purpose=purpose, email=email, lookup=lookup)
    link.request_id, link.state, link.expires_at = request_id, state_of(user), expires_at
    db.session.add(link)
    return f"{public_url()}/#/{purpose}/{token}"


def has_links(user: User, request_id: UUID) -> bool:
    """Tell whether an earlier attempt to send a mail has created links of an account."""
    earlier = select(MailLink.digest).where(MailLink.user_id == user.id, MailLink.request_id == request_id)
    return db.session.execute(earlier.limit(1)).first() is not None


def find_link(token: str, purpose: Purpose) -> Any:
    """Return the row of a link and its user, without using it; or respond 410."""
    columns = MailLink.user_id, User.username, User.name, User.email
    row = reader().execute(
        select(*columns).join(User, User.id == MailLink.user_id).where(*_usable(token, purpose))
    ).first()  # fmt: skip
    return row or problem("link_invalid")


def use_link(token: str, purpose: Purpose, user_id: UUID) -> tuple[User, str]:
    """Lock the account of a link and use the link; return the account and the address, or respond 410."""
    user = lock_user(user_id)
    used = db.session.execute(
        update(MailLink).where(*_usable(token, purpose)).values(used_at=now()).returning(MailLink.state, MailLink.email)
    ).first()
    if user is None or used is None or not user.active or used.state != state_of(user):
        problem("link_invalid")
    return user, used.email


def _usable(token: str, purpose: Purpose) -> tuple[Any, ...]:
    is_unused = MailLink.used_at.is_(None), MailLink.expires_at > now()
    return (MailLink.digest == _digest(token), MailLink.purpose == purpose, *is_unused)


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
