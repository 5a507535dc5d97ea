"""Passwords: hashing with bcrypt, strength by zxcvbn, and the queue that bounds both.

bcrypt reads 72 bytes at most, so it hashes a digest of the password. bcrypt and zxcvbn keep a core busy. A process runs
`password_workers` of these jobs at once. `password_queue` more requests wait, each in a thread of the server. All other
requests get 503 with Retry-After at once, so that threads remain for other work. bcrypt runs in its own threads with a
low priority, so that other requests get a core first.
"""

import base64
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from threading import BoundedSemaphore, Lock, get_native_id
from typing import Any, Final, ParamSpec, TypeVar
from unicodedata import normalize

import bcrypt
from flask import Flask, g, has_request_context

from taskapi.api import invalid, problem
from taskapi.api.blueprint import declaration
from taskapi.config import Settings, settings
from taskapi.context import current_application
from taskapi.security.rate_limit import Kind, slow_requests

View = TypeVar("View", bound=Callable[..., Any])
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
MAX_LENGTH: Final = 128  # characters
MIN_SCORE: Final = 2  # of zxcvbn, from 0 to 4
RESERVED_PLACES: Final = 1  # in the queue, for users on a device with a device cookie
MIN_READ: Final = 12  # characters that zxcvbn always reads
MAX_READ: Final = 40
HASHING_NICENESS: Final = 10  # of the threads that run bcrypt; 0 is normal, 19 is the lowest priority
NO_PASSWORD: Final = f"$2b$04${'.' * 53}"  # the hash of an account without a password: no password has it
MAX_COST: Final = 16_000  # of `_zxcvbn_cost`; about 15 ms
SUBSTITUTIONS: Final = {  # as in zxcvbn, in its order
    "a": "4@", "b": "8", "c": "({[<", "e": "3", "g": "69", "i": "1!|", "l": "1|7", "o": "0", "s": "$5", "t": "+7",
    "x": "%", "z": "2",
}  # fmt: skip
_zxcvbn_lock = Lock()  # zxcvbn stores the user's own words in a dictionary that all threads share


def hash_password(password: str) -> str:
    """Return the bcrypt hash of a password, with the configured cost."""
    with password_slot():
        salt = bcrypt.gensalt(settings().bcrypt_rounds)
        return password_queue().run(bcrypt.hashpw, _digest(password), salt).decode()


def check_password(password: str, hashed: str | None, highest_cost: int = 0) -> bool:
    """Tell whether a password is right. A wrong password takes the same time for each account, and without an account.

    That time is one bcrypt of the highest cost in use: `highest_cost` of the stored hashes, or the configured cost. A
    hash of a lower cost is topped up: runs with the costs c, c, c+1 … n-1 take as long as one with the cost n.
    """
    target = max(highest_cost, settings().bcrypt_rounds)
    with password_slot():
        run = password_queue().run
        right = run(bcrypt.checkpw, _digest(password), (hashed or _dummy_hash(target)).encode())
        if hashed is None:
            return False
        if not right:
            for rounds in range(cost_of(hashed), target):
                run(bcrypt.hashpw, b"", bcrypt.gensalt(rounds))
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
    """Return advice for a password that zxcvbn scores below 2, or None. See `own_words`.

    Each own word counts as one character, because zxcvbn may read only a part of it. "AdaLovelace" is "Ada Lovelace".
    """
    from zxcvbn import zxcvbn  # noqa: PLC0415 - takes 12 MB of memory, which only new passwords need

    for word in own_words:
        parts = [re.escape(part) for part in re.split(r"[\W_]+", word) if part]
        password = re.sub(r"[\W_]*".join(parts) or re.escape(word), ".", password, flags=re.IGNORECASE)
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
        self.workers = BoundedSemaphore(workers)
        self._hashing = ThreadPoolExecutor(workers, "bcrypt", _lower_priority)
        self._lock = Lock()
        self._places = workers + waiting
        self._taken = 0

    def require_place(self, *, reserved: bool) -> None:
        """Respond 503 if the queue is full; `reserved` requests have one place more."""
        if self._taken >= self._places + (RESERVED_PLACES if reserved else 0):
            problem("unavailable", "Too many passwords are being checked at the moment.")

    @contextmanager
    def place(self, *, reserved: bool) -> Iterator[None]:
        """Take a place during the block, or respond 503 as `require_place` does."""
        with self._lock:
            self.require_place(reserved=reserved)
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1

    def run(
        self, function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Run a function that releases the GIL in a thread of low priority, and return its result."""
        return self._hashing.submit(function, *args, **kwargs).result()


def uses_password_queue(view: View) -> View:
    """Declare that a view checks or hashes a password. The guard rejects its requests while the queue is full."""
    declaration(view).uses_password_queue = True
    return view


def password_queue() -> PasswordQueue:
    """Return the password queue of this process."""
    queue: PasswordQueue = current_application().extensions["taskapi-passwords"]
    return queue


def use_reserved_place() -> None:
    """Let the current request use the reserved place: its user has signed in on this device before."""
    g.reserved_password_place = True


@contextmanager
def password_slot() -> Iterator[None]:
    """Run password work as one job of the queue. A request keeps its place until it ends. A command has no queue."""
    if not has_request_context():
        yield
        return
    queue = password_queue()
    if "has_password_place" not in g:
        is_reserved = g.get("reserved_password_place", False)
        g.running.enter_context(queue.place(reserved=is_reserved))
        if not is_reserved:
            g.running.enter_context(slow_requests().hold(Kind.PASSWORD))
        g.has_password_place = True
    with queue.workers:
        yield


def init_passwords(app: Flask, settings: Settings) -> None:
    """Create the password queue of this process."""
    app.extensions["taskapi-passwords"] = PasswordQueue(settings.password_workers, settings.password_queue)


def _lower_priority() -> None:
    """Lower the priority of the current thread. Only Linux has priorities of single threads."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, get_native_id(), HASHING_NICENESS)


def _digest(password: str) -> bytes:
    """Return 44 bytes for a password of any length; NFC first, since keyboards compose letters differently."""
    return base64.b64encode(sha256(normalize("NFC", password).encode()).digest())


def _dummy_hash(rounds: int) -> str:
    """Return a well-formed hash with the given cost that no password has."""
    return f"$2b${rounds:02}${'.' * 53}"
