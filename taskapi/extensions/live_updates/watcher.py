"""The watcher: one thread of a worker process that learns of changes and of revoked tokens, for all its streams.

On PostgreSQL it listens for notifications, on SQLite it reads `PRAGMA data_version`, which changes with each commit of
another connection. Neither tells what has changed: one statement then reads the counters of the users who have a
stream, and whether their tokens are still valid. On PostgreSQL this statement also runs without a notification, every
`TICK`, so that a lost notification, a change by a command, or a pooler that cannot listen only costs time.
"""

import socket
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from selectors import EVENT_READ, DefaultSelector
from threading import Lock, Thread
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from flask import Flask

from taskapi.database import READER, db, reader, rls_count_only
from taskapi.extensions.live_updates.streams import TICK, Streams
from taskapi.resources.models import ChangeCounter
from taskapi.security.tokens import DenylistEntry
from taskapi.users.models import User

LISTEN: Final = "LISTEN taskapi_changes"
PAUSE: Final = 0.02  # seconds after a statement, so that many changes are read together
RECONNECT: Final = 0.5  # seconds after the database failed
_OWNERS: Any = sa.bindparam("owners", expanding=True)
_SUBJECTS: Any = sa.bindparam("subjects", expanding=True)
# One statement, and so one snapshot: versions, epochs, and denylist entries
_STATE = sa.union_all(
    sa.select(sa.literal("version").label("kind"), ChangeCounter.owner_id, ChangeCounter.value, sa.literal(""))
    .where(ChangeCounter.owner_id.in_(_OWNERS)),
    sa.select(sa.literal("epoch"), User.id, User.epoch, sa.literal("")).where(User.id.in_(_OWNERS)),
    sa.select(sa.literal("denied"), DenylistEntry.owner_id, sa.literal(0), DenylistEntry.subject)
    .where(DenylistEntry.owner_id.in_(_OWNERS), DenylistEntry.subject.in_(_SUBJECTS)),
)  # fmt: skip
_NOTIFY = sa.text("SELECT pg_notify('taskapi_changes', owner) FROM unnest(:owners) AS owner")


class Watcher:
    """Reads the state of the users who have a stream, and tells their streams. Its thread starts when it is needed."""

    def __init__(self, app: Flask, streams: Streams) -> None:
        self.streams: Final = streams
        self._app = app
        self._lock = Lock()
        self._thread: Thread | None = None
        self._changed: set[UUID] = set()
        with app.app_context():
            self._on_sqlite = db.engine.dialect.name == "sqlite"
        self._announces = not self._on_sqlite  # SQLite tells by itself

    def wake(self) -> None:
        """Let the thread look at once, for example because there is a first stream."""
        with self._lock:
            if self._thread is None:
                self._bell, self._ring = socket.socketpair()
                self._bell.setblocking(False)
                self._ring.setblocking(False)
                self._thread = Thread(target=self._run, name="live-updates", daemon=True)
                self._thread.start()
        with suppress(BlockingIOError):  # it has been rung often enough
            self._ring.send(b"\0")

    def note_change(self, user_id: UUID) -> None:
        """Tell the watchers of all processes that a user may have changed something; costs the request no statement."""
        if self._announces or self.streams:
            with self._lock:
                self._changed.add(user_id)
            self.wake()

    def _run(self) -> None:
        while True:
            try:
                if self.streams:
                    self._watch()
                else:
                    self._wait([], None)
                    self._announce()
            except Exception as error:  # noqa: BLE001 - the thread must go on; streams without its checks end
                self._app.logger.warning("live updates: %s", error)
                time.sleep(RECONNECT)

    def _watch(self) -> None:
        """Check the streams when something changes, and at each tick, while there are any.

        Its connection is the only one that waiting streams hold. It is closed afterwards, because it may listen.
        """
        with self._app.app_context(), db.engines[READER].connect() as connection, ExitStack() as stack:
            stack.callback(connection.invalidate)
            self._watch_by(connection)

    def _watch_by(self, connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        is_listening = not self._on_sqlite and not driver.is_pooled  # a pooler delivers no notifications
        if is_listening:
            driver.execute(LISTEN)
        version = self._data_version(connection)
        self._check(None)
        tick = time.monotonic() + TICK
        while self.streams:
            self._wait([driver.fileno()] if is_listening else [], max(0.0, tick - time.monotonic()))
            changed = self._announce()
            if is_listening:  # it hears itself, too
                changed = {UUID(notification.payload) for notification in driver.notifies(timeout=0)}
            if time.monotonic() < tick:
                if changed and self.streams.of(changed):
                    self._check(changed)
                    time.sleep(PAUSE)
                continue
            tick = time.monotonic() + TICK
            before, version = version, self._data_version(connection)
            if version != before or not self._on_sqlite:
                self._check(None)
            else:  # no token was revoked
                for stream in self.streams.of(None):
                    stream.checked = tick - TICK

    def _data_version(self, connection: sa.Connection) -> int:
        """Return a number of SQLite that changes when another connection commits."""
        return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one()) if self._on_sqlite else 0

    def _wait(self, descriptors: Iterable[int], seconds: float | None) -> None:
        with DefaultSelector() as selector:
            for descriptor in (self._bell.fileno(), *descriptors):
                selector.register(descriptor, EVENT_READ)
            selector.select(seconds)
        with suppress(BlockingIOError):
            self._bell.recv(4096)

    def _announce(self) -> set[UUID]:
        """Notify the other processes of what requests of this one have changed. Returns the users."""
        with self._lock:
            changed, self._changed = self._changed, set()
        if changed and self._announces:
            with self._app.app_context():
                reader().execute(_NOTIFY, {"owners": [user.hex for user in changed]})
        return changed

    def _check(self, users: set[UUID] | None) -> None:
        """Read the state of some users, or of all who have a stream, in one statement, and tell their streams."""
        moment = time.monotonic()
        streams = self.streams.of(users)
        owners = {stream.caller.id for stream in streams}
        subjects = {subject for stream in streams for subject in (stream.caller.jti, stream.caller.sid)}
        state: dict[tuple[str, UUID], int] = {}
        denied: set[tuple[UUID, str]] = set()
        if streams:
            with self._app.app_context(), rls_count_only():
                rows = reader().execute(_STATE, {"owners": list(owners), "subjects": list(subjects)}).all()
            state = {(kind, owner): number for kind, owner, number, _ in rows}
            denied = {(owner, subject) for kind, owner, _, subject in rows if kind == "denied"}
        for stream in streams:
            caller = stream.caller
            is_denied = denied & {(caller.id, caller.jti), (caller.id, caller.sid)}
            if is_denied or state.get(("epoch", caller.id), caller.epoch + 1) > caller.epoch:
                stream.end("token_revoked")
            else:
                stream.checked = moment
                stream.offer(state.get(("version", caller.id), 0))
