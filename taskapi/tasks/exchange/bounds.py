"""How many imports may be under way: one for each user, and a few in each process."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import Final
from uuid import UUID

from taskapi.api import problem

PROCESS_IMPORTS: Final = 2  # that are read, checked or written at the same time
RETRY_SECONDS: Final = 5

_lock = Lock()
_under_way: dict[UUID, str | None] = {}  # the Idempotency-Key of each user's import
_room = BoundedSemaphore(PROCESS_IMPORTS)


@contextmanager
def only_import_of(user_id: UUID, key: str | None) -> Iterator[None]:
    """Hold the user's place for an import. Responds 409 if the same one is under way, 429 if another one is."""
    with _lock:
        if user_id in _under_way:
            if key and _under_way[user_id] == key:
                problem("idempotency_key_in_use")
            problem(
                "too_many_requests",
                "Another import of yours is under way.",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        _under_way[user_id] = key
    try:
        yield
    finally:
        with _lock:
            del _under_way[user_id]


@contextmanager
def room_for_import() -> Iterator[None]:
    """Hold one of the places of this process. Responds 503 if all are taken."""
    if not _room.acquire(blocking=False):
        problem("unavailable", "Too many imports are under way.", headers={"Retry-After": str(RETRY_SECONDS)})
    try:
        yield
    finally:
        _room.release()
