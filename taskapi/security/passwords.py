"""Passwords: bcrypt over a digest, so that none is cut at 72 bytes; the same cost for a name that does not exist."""

import base64
from hashlib import sha256
from unicodedata import normalize

import bcrypt

from taskapi.api import invalid
from taskapi.config import settings
from taskapi.security.password_queue import password_work
from taskapi.security.password_strength import advice_against

MAX_LENGTH = 128


def hash_password(password: str) -> str:
    """Return the bcrypt hash of a password, at the cost that is set."""
    with password_work():
        return bcrypt.hashpw(_digest(password), bcrypt.gensalt(settings().bcrypt_rounds)).decode()


def check_password(password: str, hashed: str | None, highest_cost: int = 0) -> bool:
    """Tell whether the password is right. A wrong one costs the same work for every account, and for none.

    That work is one bcrypt of the highest cost in use: `highest_cost` of the stored hashes, or the cost that is set. A
    hash of a lower cost is topped up: work of the costs c, c, c+1 … n-1 adds up to n.
    """
    target = max(highest_cost, settings().bcrypt_rounds)
    with password_work():
        right = bcrypt.checkpw(_digest(password), (hashed or _dummy_hash(target)).encode())
        if hashed is None:
            return False
        if not right:
            for rounds in range(cost(hashed), target):
                bcrypt.hashpw(b"", bcrypt.gensalt(rounds))
    return right


def renewed(password: str, hashed: str) -> str:
    """Return the hash to keep from now on: a new one where its cost is not the one that is set."""
    return hash_password(password) if cost(hashed) != settings().bcrypt_rounds else hashed


def cost(hashed: str) -> int:
    """Return the cost that a hash was made with."""
    return int(hashed.split("$")[2])


def wrong_length(password: str) -> str | None:
    """Return what is wrong with the length of a new password, or None."""
    least = settings().password_min_length
    return None if least <= len(password) <= MAX_LENGTH else f"Must have {least} to {MAX_LENGTH} characters."


def check_strength(password: str, own_words: list[str], field: str = "password") -> None:
    """Answer 422, with advice, for a password that is short, long or easily guessed."""
    if message := wrong_length(password):
        invalid("json", {field: [message]})
    with password_work():
        advice = advice_against(password, own_words)
    if advice is not None:
        invalid("json", {field: ["Is too easily guessed.", *advice]})


def _digest(password: str) -> bytes:
    """Return 44 bytes for a password of any length; NFC first, since keyboards differ in how they compose letters."""
    return base64.b64encode(sha256(normalize("NFC", password).encode()).digest())


def _dummy_hash(rounds: int) -> str:
    """Return a well-formed hash of a given cost that no password has."""
    return f"$2b${rounds:02}${'.' * 53}"
