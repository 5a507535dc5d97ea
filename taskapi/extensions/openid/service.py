"""Codes: a client gets one when a sign-in has returned from the provider, and exchanges it once."""

import secrets
import time
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, LargeBinary, String, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.api import problem
from taskapi.auth.sessions import digest_of
from taskapi.database import Model, db, now
from taskapi.extensions.openid.id_token import LEEWAY
from taskapi.extensions.openid.pending import LIFE, PendingSignIn, challenge_of
from taskapi.security.jws import Members

CODE_SECONDS: Final = 120


class OpenidSignIn(Model):
    """A sign-in that has returned from the provider, by the SHA-256 of its state. So each state serves once.

    `person` is whom the provider has named. The client gets it once, by the code and the verifier of `challenge`.
    """

    __tablename__ = "openid_sign_ins"

    state: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    challenge: Mapped[str] = mapped_column(String(43))
    code: Mapped[bytes | None] = mapped_column(LargeBinary(32), unique=True)
    code_expires_at: Mapped[datetime | None]
    person: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    expires_at: Mapped[datetime] = mapped_column(index=True)


def spend_state(pending: PendingSignIn) -> None:
    """Store the state of a response, so that it serves once. Responds 400 if it was used or has expired. Commits."""
    db.session.execute(delete(OpenidSignIn).where(OpenidSignIn.expires_at < now()))
    expires_at = now() + timedelta(seconds=LIFE)
    db.session.add(OpenidSignIn(state=digest_of(pending.state), challenge=pending.challenge, expires_at=expires_at))
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        problem("openid_state_invalid")
    if time.time() > pending.started_at + LIFE:
        problem("openid_state_invalid", "The sign-in took longer than 10 minutes.")


def create_code(pending: PendingSignIn, claims: Members) -> str:
    """Return a code for the person of these claims. A person who had to enter credentials again is fresh."""
    code, moment = secrets.token_urlsafe(32), claims.get("auth_time")
    is_recent = type(moment) is int and moment >= pending.started_at - LEEWAY
    person = {"claims": claims, "fresh": pending.reauthenticate and is_recent}
    values = {"code": digest_of(code), "code_expires_at": now() + timedelta(seconds=CODE_SECONDS), "person": person}
    db.session.execute(update(OpenidSignIn).where(OpenidSignIn.state == digest_of(pending.state)).values(values))
    return code


def use_code(code: str, verifier: str) -> tuple[Members, bool]:
    """Return the claims of the person of a code, which serves once, and whether the person is fresh.

    Responds 401 to any other code, and to another verifier.
    """
    is_right = OpenidSignIn.code == digest_of(code), OpenidSignIn.challenge == challenge_of(verifier)
    found = db.session.scalars(
        select(OpenidSignIn).where(*is_right, OpenidSignIn.code_expires_at > now()).with_for_update()
    ).first()
    if found is None or found.person is None:
        problem("openid_code_invalid")
    person, found.code, found.person = found.person, None, None
    return person["claims"], person["fresh"]
