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
    """The places of a process: for those whose password is worked on, and for those who wait."""

    def __init__(self, workers: int, waiting: int) -> None:
        self._turns = BoundedSemaphore(workers)
        self._lock = Lock()
        self._places = workers + waiting
        self._taken = 0

    def take_place(self, *, reserved: bool) -> bool:
        """Take a place until `leave`; returns False where there is none left."""
        with self._lock:
            free = self._taken < self._places + (RESERVED if reserved else 0)
            self._taken += free
        return free

    def leave(self) -> None:
        """Give the place back."""
        with self._lock:
            self._taken -= 1

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until fewer than `workers` others work."""
        with self._turns:
            yield


def take_place(*, reserved: bool = False) -> None:
    """Take the request's place in the queue for password work, or answer 503. It is kept until the request ends."""
    if not has_request_context() or g.get("has_password_place"):
        return
    if not _queue().take_place(reserved=reserved):
        problem("unavailable", "Too many passwords are being checked at the moment.")
    g.has_password_place = True


@contextmanager
def password_work() -> Iterator[None]:
    """Do work on a password when it is the request's turn. A command has no queue, and waits as long as it takes."""
    take_place()
    with _queue().turn():
        yield


def init_password_queue(app: Flask, settings: Settings) -> None:
    """Open the queue, and let each request leave it as it ends."""
    queue = PasswordQueue(settings.password_workers, settings.password_queue)
    app.extensions["taskapi-passwords"] = queue

    def leave(_error: BaseException | None) -> None:
        if g.pop("has_password_place", False):
            queue.leave()

    app.teardown_request(leave)


def _queue() -> PasswordQueue:
    queue: PasswordQueue = current_application().extensions["taskapi-passwords"]
    return queue
