"""The open streams of a worker process, by user, and what each of them has to send."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Final, NamedTuple
from uuid import UUID

from flask import Flask
from prometheus_client import Gauge

from taskapi.api import problem
from taskapi.security.tokens import Caller

TICK: Final = 0.4  # seconds between two checks of a stream: expiry, shutdown, heartbeat
STALE: Final = 5  # seconds after which a stream ends if nobody could check that its token is still valid
RETRY: Final = b"retry: 2000\n\n"  # milliseconds until a browser connects again
OPEN = Gauge("taskapi_streams", "Open streams of changes.", multiprocess_mode="livesum")


class Form(NamedTuple):
    """A way to serve streams: the seconds between heartbeats, and the limits of a process and of a user in it."""

    heartbeat: float
    most: int
    per_user: int


class Stream:
    """An open response. A stream remembers one number, so a slow reader misses no change and needs no memory.

    `offer` and `end` are called by the thread of the watcher, `poll` by the one that sends.
    """

    def __init__(
        self,
        caller: Caller,
        since: int | None,
        wake: Callable[[], None],
        heartbeat: float,
        shutdown_reason: Callable[[], str] = str,
    ) -> None:
        self.caller: Final = caller
        self.checked = time.monotonic()  # when the token was last known to be valid
        self.ended = ""  # the reason
        self._wake = wake
        self._shutdown_reason = shutdown_reason
        self._heartbeat = heartbeat
        self._sent = since
        self._version = -1 if since is None else since
        self._moment = self.checked

    def offer(self, version: int) -> None:
        """Tell the stream the user's last version."""
        if version > self._version:
            self._version = version
            self._wake()

    def start(self, version: int) -> None:
        """Set the first version. It is below that of the client if the database was restored from a backup."""
        self._version = max(version, self._version) if self._sent is None or version >= self._sent else version

    def end(self, reason: str) -> None:
        """Let the response end."""
        self.ended = self.ended or reason
        self._wake()

    def is_over(self) -> bool:
        """Return whether the stream must end: its token is not valid any more, or nobody knows, or the server stops."""
        is_expired = time.time() >= self.caller.valid_until
        is_stale = time.monotonic() - self.checked > STALE
        current = "token_expired" if is_expired else "unavailable" if is_stale else self._shutdown_reason()
        self.ended = self.ended or current
        return self.ended != ""

    def poll(self) -> bytes:
        """Return what to send now; empty if nothing. Ends the stream if it must not go on."""
        if self.is_over():
            return f": {self.ended}\n\n".encode()
        moment = time.monotonic()
        version = self._version
        if version != self._sent:
            self._sent, self._moment = version, moment
            return b'id: %d\ndata: {"cursor":"%d"}\n\n' % (version, version)
        if moment - self._moment >= self._heartbeat:
            self._moment = moment
            return b":\n\n"
        return b""


class Streams:
    """The streams of this process, by user."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = Lock()
        self._by_user: dict[UUID, list[Stream]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_user)

    def of(self, users: set[UUID] | None) -> list[Stream]:
        """Return the streams of some users, or all."""
        with self._lock:
            owners = self._by_user if users is None else users & self._by_user.keys()
            return [stream for owner in owners for stream in self._by_user[owner]]

    def shutdown_reason(self) -> str:
        """Return why streams must end now; empty if they need not."""
        check: Callable[[], str | None] | None = self._app.extensions["taskapi-checks"].get("shutdown")
        return "shutdown" if check and check() else ""

    def open(self, caller: Caller, since: int | None, wake: Callable[[], None], form: Form) -> Stream:
        """Open a stream. Responds 429 if the user has too many, and 503 if this process has."""
        if self.shutdown_reason():
            problem("stream_unavailable", headers={"Retry-After": "2"})
        stream = Stream(caller, since, wake, form.heartbeat, self.shutdown_reason)
        with self._lock:
            mine = self._by_user.get(caller.id, [])
            if len(mine) >= form.per_user:
                problem("too_many_requests", "You have too many streams open here.", headers={"Retry-After": "30"})
            if sum(map(len, self._by_user.values())) >= form.most:
                problem("stream_unavailable")
            self._by_user.setdefault(caller.id, mine).append(stream)
            OPEN.inc()
        return stream

    def close(self, stream: Stream) -> None:
        """Forget a stream, if it is still there."""
        with self._lock:
            mine = self._by_user.get(stream.caller.id, [])
            if stream in mine:
                mine.remove(stream)
                OPEN.dec()
                if not mine:
                    del self._by_user[stream.caller.id]
