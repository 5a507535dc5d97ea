"""The queue for password work: bcrypt and zxcvbn take a core for as long as they run.

A process does this work for a few requests at once (`password_workers`). A few more wait (`password_queue`), each with
a thread of the server. All others get 503 with Retry-After at once, so that threads are left for everything else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import Final

from flask import Flask, g, has_request_context

from taskapi.api import problem
from taskapi.config import Settings
from taskapi.context import current_application

RESERVED: Final = 1  # places for users on devices that they have used before


class PasswordQueue:
    """The places of a process: `workers` requests work on a password, `waiting` more wait for them."""

    def __init__(self, workers: int, waiting: int) -> None:
        self._turns = BoundedSemaphore(workers)
        self._lock = Lock()
        self._places = workers + waiting
        self._taken = 0

    @contextmanager
    def turn(self, *, reserved: bool) -> Iterator[None]:
        """Wait in a place for the turn to work. Responds 503 if no place is free; `reserved` has one place more."""
        with self._lock:
            if self._taken >= self._places + (RESERVED if reserved else 0):
                problem("unavailable", "Too many passwords are being checked at the moment.")
            self._taken += 1
        try:
            with self._turns:
                yield
        finally:
            with self._lock:
                self._taken -= 1


def reserve_place() -> None:
    """Let the request use the reserved place: its user signed in on this device before."""
    g.reserved_password_place = True


@contextmanager
def password_work() -> Iterator[None]:
    """Do work on a password when it is the request's turn. A command has no queue."""
    queue: PasswordQueue = current_application().extensions["taskapi-passwords"]
    if not has_request_context():
        yield
        return
    with queue.turn(reserved=g.get("reserved_password_place", False)):
        yield


def init_password_queue(app: Flask, settings: Settings) -> None:
    """Open the queue of this process."""
    app.extensions["taskapi-passwords"] = PasswordQueue(settings.password_workers, settings.password_queue)
