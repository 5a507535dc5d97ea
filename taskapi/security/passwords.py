"""Passwords: bcrypt over a digest, so that none is cut at 72 bytes; the same cost for a name that does not exist."""

import base64
from functools import lru_cache
from hashlib import sha256
from unicodedata import normalize

import bcrypt
from zxcvbn import zxcvbn

from taskapi.api import invalid
from taskapi.config import settings

MAX_LENGTH = 128
_ZXCVBN_LENGTH = 72


def hash_password(password: str) -> str:
    """Return the bcrypt hash of a password, at the cost that is set."""
    return bcrypt.hashpw(_digest(password), bcrypt.gensalt(settings().bcrypt_rounds)).decode()


def check_password(password: str, hashed: str | None) -> bool:
    """Tell whether the password is right. Takes as long when there is no account, and so no hash.

    A hash of a lower cost is topped up: work of the costs c, c, c+1 … n-1 adds up to n.
    """
    right = bcrypt.checkpw(_digest(password), (hashed or _nobody(settings().bcrypt_rounds)).encode())
    for rounds in range(cost(hashed), settings().bcrypt_rounds) if hashed else ():
        bcrypt.hashpw(b"", bcrypt.gensalt(rounds))
    return right and hashed is not None


def renewed(password: str, hashed: str) -> str:
    """Return the hash to keep from now on: a new one where the cost that is set has risen."""
    return hash_password(password) if cost(hashed) < settings().bcrypt_rounds else hashed


def cost(hashed: str) -> int:
    """Return the cost that a hash was made with."""
    return int(hashed.split("$")[2])


def check_strength(password: str, own_words: list[str], field: str = "password") -> None:
    """Answer 422, with advice, for a password that is short, long or easily guessed."""
    least = settings().password_min_length
    if not least <= len(password) <= MAX_LENGTH:
        invalid("json", {field: [f"Must have {least} to {MAX_LENGTH} characters."]})
    report = zxcvbn(password[:_ZXCVBN_LENGTH], user_inputs=own_words)
    if report["score"] < 2:
        advice = [report["feedback"]["warning"], *report["feedback"]["suggestions"]]
        invalid("json", {field: ["Is too easily guessed.", *filter(None, advice)]})


def _digest(password: str) -> bytes:
    """Return 44 bytes for a password of any length; NFC first, since keyboards differ in how they compose letters."""
    return base64.b64encode(sha256(normalize("NFC", password).encode()).digest())


@lru_cache
def _nobody(rounds: int) -> str:
    return bcrypt.hashpw(b"nobody", bcrypt.gensalt(rounds)).decode()
