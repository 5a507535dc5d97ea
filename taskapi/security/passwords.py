"""Passwords: hashing with bcrypt, strength by zxcvbn, and the queue that bounds both.

bcrypt reads 72 bytes at most, so it hashes a digest of the password. bcrypt and zxcvbn keep a core busy. A process runs
`password_workers` of these jobs at once. `password_queue` more requests wait, each in a thread of the server. All other
requests get 503 with Retry-After at once, so that threads remain for other work.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from threading import BoundedSemaphore, Lock
from typing import Any, Final
from unicodedata import normalize

import bcrypt
from flask import Flask, g, has_request_context
from zxcvbn import zxcvbn

from taskapi.api import invalid, problem
from taskapi.config import Settings, settings
from taskapi.context import current_application

MAX_LENGTH: Final = 128  # characters
MIN_SCORE: Final = 2  # of zxcvbn, from 0 to 4
RESERVED_PLACES: Final = 1  # in the queue, for users on a device with a device cookie
MIN_READ: Final = 12  # characters that zxcvbn always reads
MAX_READ: Final = 40
MAX_COST: Final = 16_000  # of `_zxcvbn_cost`; about 15 ms
SUBSTITUTIONS: Final = {  # as in zxcvbn, in its order
    "a": "4@", "b": "8", "c": "({[<", "e": "3", "g": "69", "i": "1!|", "l": "1|7", "o": "0", "s": "$5", "t": "+7",
    "x": "%", "z": "2",
}  # fmt: skip
_zxcvbn_lock = Lock()  # zxcvbn stores the user's own words in a dictionary that all threads share


def hash_password(password: str) -> str:
    """Return the bcrypt hash of a password, with the configured cost."""
    with password_slot():
        return bcrypt.hashpw(_digest(password), bcrypt.gensalt(settings().bcrypt_rounds)).decode()


def check_password(password: str, hashed: str | None, highest_cost: int = 0) -> bool:
    """Tell whether a password is right. A wrong password takes the same time for each account, and without an account.

    That time is one bcrypt of the highest cost in use: `highest_cost` of the stored hashes, or the configured cost. A
    hash of a lower cost is topped up: runs with the costs c, c, c+1 … n-1 take as long as one with the cost n.
    """
    target = max(highest_cost, settings().bcrypt_rounds)
    with password_slot():
        right = bcrypt.checkpw(_digest(password), (hashed or _dummy_hash(target)).encode())
        if hashed is None:
            return False
        if not right:
            for rounds in range(cost_of(hashed), target):
                bcrypt.hashpw(b"", bcrypt.gensalt(rounds))
    return right


def rehash_if_needed(password: str, hashed: str) -> str:
    """Return the hash to store: a new one if the cost of `hashed` is not the configured one."""
    return hash_password(password) if cost_of(hashed) != settings().bcrypt_rounds else hashed


def cost_of(hashed: str) -> int:
    """Return the bcrypt cost of a hash."""
    return int(hashed.split("$")[2])


def length_error(password: str) -> str | None:
    """Return what is wrong with the length of a new password, or None."""
    least = settings().password_min_length
    return None if least <= len(password) <= MAX_LENGTH else f"Must have {least} to {MAX_LENGTH} characters."


def require_strength(password: str, own_words: list[str], field: str = "password") -> None:
    """Respond 422, with advice, to a password that is too short, too long or easily guessed."""
    if message := length_error(password):
        invalid("json", {field: [message]})
    with password_slot():
        advice = find_weakness(password, own_words)
    if advice is not None:
        invalid("json", {field: ["Is too easily guessed.", *advice]})


def own_words(username: str, name: str | None = None, email: str | None = None, **_: Any) -> list[str]:
    """Return the words of a user that their password must not be guessable from."""
    return [word for word in (username, name, email) if word]


def find_weakness(password: str, own_words: list[str]) -> list[str] | None:
    """Return advice for a password that zxcvbn scores below 2, or None. See `own_words`."""
    with _zxcvbn_lock:
        report = zxcvbn(password[: characters_to_read(password)], user_inputs=own_words)
    if report["score"] >= MIN_SCORE:
        return None
    feedback = report["feedback"]
    return [advice for advice in (feedback["warning"], *feedback["suggestions"]) if advice]


def characters_to_read(password: str) -> int:
    """Return how many characters from the start zxcvbn can read at an acceptable cost.

    zxcvbn reads a password once for every way to undo its l33t substitutions ("p4$$" is "pass"). The number of ways
    grows exponentially with the number of different symbols: 72 characters took 2 to 5 s of CPU with the GIL held. A
    password whose start is hard to guess is hard to guess as a whole.
    """
    longest = min(len(password), MAX_READ)
    return next((end for end in range(longest, MIN_READ, -1) if _zxcvbn_cost(password[:end]) <= MAX_COST), MIN_READ)


def _zxcvbn_cost(password: str) -> int:
    """Return an upper bound of the substrings that zxcvbn looks up in each of its dictionaries.

    It looks them up for the password, for its reverse, and for each way to undo the substitutions.
    """
    symbols = set(password)
    seen: set[str] = set()
    ways = 1
    for substitutes in SUBSTITUTIONS.values():
        used = symbols.intersection(substitutes)
        if used:
            ways *= sum(2 if symbol in seen else 1 for symbol in used)  # a symbol of two letters is tried as both
            seen |= used
    return (2 + ways) * len(password) ** 2


class PasswordQueue:
    """The password jobs of a process: `workers` run at once, and `waiting` more requests wait."""

    def __init__(self, workers: int, waiting: int) -> None:
        self._workers = BoundedSemaphore(workers)
        self._lock = Lock()
        self._places = workers + waiting
        self._taken = 0

    @contextmanager
    def slot(self, *, reserved: bool) -> Iterator[None]:
        """Wait for a free worker. Responds 503 if the queue is full; `reserved` requests have one place more."""
        with self._lock:
            if self._taken >= self._places + (RESERVED_PLACES if reserved else 0):
                problem("unavailable", "Too many passwords are being checked at the moment.")
            self._taken += 1
        try:
            with self._workers:
                yield
        finally:
            with self._lock:
                self._taken -= 1


def use_reserved_place() -> None:
    """Let the current request use the reserved place: its user has signed in on this device before."""
    g.reserved_password_place = True


@contextmanager
def password_slot() -> Iterator[None]:
    """Run password work as one job of the queue. A command has no queue."""
    queue: PasswordQueue = current_application().extensions["taskapi-passwords"]
    if not has_request_context():
        yield
        return
    with queue.slot(reserved=g.get("reserved_password_place", False)):
        yield


def init_passwords(app: Flask, settings: Settings) -> None:
    """Create the password queue of this process."""
    app.extensions["taskapi-passwords"] = PasswordQueue(settings.password_workers, settings.password_queue)


def _digest(password: str) -> bytes:
    """Return 44 bytes for a password of any length; NFC first, since keyboards compose letters differently."""
    return base64.b64encode(sha256(normalize("NFC", password).encode()).digest())


def _dummy_hash(rounds: int) -> str:
    """Return a well-formed hash with the given cost that no password has."""
    return f"$2b${rounds:02}${'.' * 53}"
