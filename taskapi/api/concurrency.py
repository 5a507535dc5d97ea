"""Limits on concurrent requests of one kind in this process, so that no user occupies all of its threads."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from threading import Condition, Lock
from time import monotonic
from uuid import UUID

from taskapi.api.errors import problem


class ConcurrencyLimit:
    """A limit of `per_user` concurrent requests of one user and `per_process` of all users; 0 means no limit."""

    def __init__(self, kind: str, *, per_user: int = 0, per_process: int = 0, retry_seconds: int = 1) -> None:
        self.per_user = per_user
        self.per_process = per_process
        self._kind = kind
        self._headers = {"Retry-After": str(retry_seconds)}
        self._lock = Lock()
        self._running = Counter[UUID]()
        self._keys: set[tuple[UUID, str]] = set()

    @property
    def running(self) -> int:
        """Return the number of running requests."""
        return self._running.total()

    @contextmanager
    def hold(self, user_id: UUID, key: str | None = None) -> Iterator[None]:
        """Count a request during the block; see `start`. `key` is its Idempotency-Key."""
        self.start(user_id, key)
        try:
            yield
        finally:
            self.stop(user_id, key)

    def start(self, user_id: UUID, key: str | None = None) -> None:
        """Count a request that starts. Call `stop` when it ends.

        Responds 429 beyond the limit of the user, 409 if a request with the same key is running, and 503 beyond the
        limit of the process.
        """
        with self._lock:
            if self.per_user and self._running[user_id] >= self.per_user:
                if key and (user_id, key) in self._keys:
                    problem("idempotency_key_in_use")
                detail = f"At most {self.per_user} of your {self._kind} may run at once on a server process."
                problem("too_many_requests", detail, headers=self._headers)
            if self.per_process and self.running >= self.per_process:
                problem("unavailable", f"Too many {self._kind} are running.", headers=self._headers)
            self._running[user_id] += 1
            if key:
                self._keys.add((user_id, key))

    def stop(self, user_id: UUID, key: str | None = None) -> None:
        """Count a request that has ended."""
        with self._lock:
            self._running[user_id] -= 1
            if not self._running[user_id]:
                del self._running[user_id]
            if key:
                self._keys.discard((user_id, key))


class WaitingLine(Condition):
    """A lock, and the requests that wait for room while they hold it, in the order of their arrival."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[], float | None]] = []

    def wait_for_room(self, full_since: Callable[[], float | None], patience: float) -> bool:
        """Wait until there is room for a request, and none for those that came before it.

        `full_since` returns when the request started that has to end first; None if there is room. Returns False once
        `patience` seconds have passed since then, or since the arrival.
        """
        arrival = monotonic()
        self.waiting.append(full_since)
        try:
            while True:
                since = full_since()
                earlier = takewhile(lambda waiting: waiting is not full_since, self.waiting)
                if since is None and all(waiting() is not None for waiting in earlier):
                    return True
                left = min(arrival, since or arrival) + patience - monotonic()
                if left <= 0:
                    return False
                self.wait(left)
        finally:
            self.waiting.remove(full_since)
            self.notify_all()
