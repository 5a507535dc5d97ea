"""Challenges: signed, without a row in the database. A row is added when one is used, so that each is used once."""

import re
import secrets
from datetime import timedelta
from hashlib import sha256
from typing import Final

from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from taskapi.database import db, now
from taskapi.extensions.passkeys.models import UsedChallenge
from taskapi.security.jws import base64url_encode
from taskapi.security.keys import current_key_set

PURPOSE: Final = "passkey"  # of the keys
SECONDS: Final = 300
_FORM: Final = re.compile(r"[\w.-]+", re.ASCII)


def create_challenge(*bound_to: str) -> str:
    """Return a challenge in base64url, for one use. It is bound to a sign-in, or to a user and a session."""
    return base64url_encode(str(_serializer().dumps([secrets.token_urlsafe(16), *bound_to])).encode())


def nonce_of(challenge: bytes, *bound_to: str) -> str:
    """Return the random part of a challenge that has not expired. Raises ValueError for any other."""
    text = challenge.decode("ascii")
    if not _FORM.fullmatch(text):  # itsdangerous skips other characters
        raise ValueError("The challenge has other characters.")
    nonce, *others = _serializer().loads(text, max_age=SECONDS)
    if others != [*bound_to]:
        raise ValueError("The challenge is bound to something else.")
    return str(nonce)


def spend(nonce: str) -> bool:
    """Use a challenge; return False if it was used before. The transaction is then rolled back."""
    moment = now()
    db.session.execute(delete(UsedChallenge).where(UsedChallenge.expires_at < moment))
    db.session.add(UsedChallenge(nonce=nonce, expires_at=moment + timedelta(seconds=2 * SECONDS)))
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        return False
    return True


def _serializer() -> URLSafeTimedSerializer:
    oldest_first = [*reversed(current_key_set().secrets(PURPOSE))]
    return URLSafeTimedSerializer(oldest_first, salt=PURPOSE, signer_kwargs={"digest_method": sha256})
