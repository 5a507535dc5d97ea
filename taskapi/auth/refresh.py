"""Refresh a session: exchange a refresh token for its successor, and end the session if a spent token is used again.

A refresh token has 256 random bits. Its successor is an HMAC of it, so that a client whose response was lost, or a
second tab, gets the same successor again for a few seconds. The order of the steps matters: see each function.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update

from taskapi.api import problem
from taskapi.audit import Event, record
from taskapi.audit.log import request_origin
from taskapi.auth.models import RefreshToken, Session
from taskapi.auth.sessions import Grant, digest_of, next_expiry, session_subject, store_token
from taskapi.config import settings
from taskapi.database import db, now
from taskapi.security.client_address import parse_address
from taskapi.security.keys import current_key_set
from taskapi.security.tokens import require_signing_key, revoke_tokens


def refresh_session(token: str) -> Grant:
    """Spend a refresh token and return its successor. Responds 401, and ends the session if the use is a theft.

    One conditional UPDATE spends the token. Of parallel requests one spends it, the others find its successor.
    """
    require_signing_key()
    moment = now()
    _lock_session_of(token)
    session_id = _spend_token(token, moment)
    if session_id is not None:
        return _extend_session(session_id, next(_possible_successors(token)), moment)
    found = db.session.get(RefreshToken, digest_of(token))
    if found is None or found.spent_at is None:
        problem("invalid_refresh_token")  # never issued, its session has ended, or it expired unused
    return _repeat_refresh(token, found, moment)


def _lock_session_of(token: str) -> None:
    """Lock the session before its tokens. Code that ends a session uses the same order, to avoid deadlocks."""
    session_id = select(RefreshToken.session_id).where(RefreshToken.digest == digest_of(token)).scalar_subquery()
    db.session.execute(select(Session.id).where(Session.id == session_id).with_for_update())


def _spend_token(token: str, moment: datetime) -> UUID | None:
    """Mark an unspent, unexpired token as spent and return its session; None if there is no such token."""
    session_id: UUID | None = db.session.execute(
        update(RefreshToken)
        .where(
            RefreshToken.digest == digest_of(token), RefreshToken.spent_at.is_(None), RefreshToken.expires_at > moment
        )
        .values(spent_at=moment)
        .returning(RefreshToken.session_id)
    ).scalar()
    return session_id


def _extend_session(session_id: UUID, successor: str, moment: datetime) -> Grant:
    subject, session = session_subject(session_id)
    expires_at = next_expiry(moment, session.created_at)
    if expires_at <= moment:
        problem("invalid_refresh_token")
    store_token(successor, session_id, expires_at)
    _delete_oldest_tokens(session_id)
    origin = request_origin()
    changes = {
        "last_used_at": moment,
        "expires_at": expires_at,
        "refreshed_ip": origin["ip"],
        "refreshed_user_agent": origin["user_agent"],
    }
    db.session.execute(update(Session).where(Session.id == session_id).values(changes))
    return Grant(subject, session_id, successor, expires_at, fresh=False)


def _repeat_refresh(token: str, spent: RefreshToken, moment: datetime) -> Grant:
    """Return the unused successor again within the grace period, and record it. Any other use is a theft."""
    successor = next((one for one in _possible_successors(token) if _is_unspent(one)), None)
    grace = timedelta(seconds=settings().refresh_grace_seconds)
    subject, session = session_subject(spent.session_id)
    is_late = spent.spent_at is None or moment - spent.spent_at >= grace
    if successor is None or is_late or _is_elsewhere(session):
        _end_stolen_session(spent.session_id)
        problem("invalid_refresh_token")
    origin = request_origin()
    repeat = {
        "repeats": Session.repeats + 1,
        "repeated_at": moment,
        "repeated_ip": origin["ip"],
        "repeated_user_agent": origin["user_agent"],
    }
    db.session.execute(update(Session).where(Session.id == spent.session_id).values(repeat))
    record(Event.REFRESH_TOKEN_REPEATED, subject_id=subject.user_id, session_id=str(spent.session_id))
    return Grant(subject, spent.session_id, successor, session.expires_at, fresh=False)


def _is_elsewhere(session: Any) -> bool:
    """Tell whether both the network and the user agent differ from those of the session's last refresh.

    One of them may change on the same device: a phone leaves the Wi-Fi, or a service worker has another user agent.
    """
    origin = request_origin()
    known, current = session.refreshed_ip, origin["ip"]
    return (
        bool(known and current and _network_of(known) != _network_of(current))
        and session.refreshed_user_agent != origin["user_agent"]
    )


def _network_of(address: str) -> str:
    """Return the /24 of an IPv4 address, or the /64 of an IPv6 address."""
    parsed = parse_address(address)
    return str(ip_network((parsed, 24 if parsed.version == 4 else 64), strict=False)) if parsed else address


def _end_stolen_session(session_id: UUID) -> None:
    """End a session whose spent token was used again. Commits, because the 401 that follows rolls back."""
    user_id = db.session.execute(delete(Session).where(Session.id == session_id).returning(Session.user_id)).scalar()
    if user_id is not None:
        revoke_tokens(user_id, str(session_id))
        record(Event.REFRESH_TOKEN_THEFT, subject_id=user_id, session_id=str(session_id))
    db.session.commit()


def _delete_oldest_tokens(session_id: UUID) -> None:
    """Delete the spent tokens of a session beyond `max_refresh_tokens`. Their use is still refused."""
    spent = select(RefreshToken.digest).where(RefreshToken.session_id == session_id, RefreshToken.spent_at.is_not(None))
    oldest = spent.order_by(RefreshToken.spent_at.desc()).offset(settings().max_refresh_tokens)
    db.session.execute(
        delete(RefreshToken).where(RefreshToken.digest.in_(oldest)), execution_options={"synchronize_session": False}
    )


def _possible_successors(token: str) -> Iterator[str]:
    """Yield the possible successors of a token: by the current key, then by keys that were current before."""
    for secret in current_key_set().secrets("refresh"):
        yield urlsafe_b64encode(hmac.digest(secret, token.encode(), "sha256")).rstrip(b"=").decode()


def _is_unspent(token: str) -> bool:
    found = db.session.get(RefreshToken, digest_of(token))
    return found is not None and found.spent_at is None
