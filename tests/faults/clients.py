"""Clients that repeat each request until it gets a response, with the same Idempotency-Key.

A ledger on disk records all changes that the service has acknowledged.
"""

import json
import ssl
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from itertools import count, cycle
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

PASSWORD = "correct horse battery staple"
PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.05
RETRY_SECONDS = 0.2  # a real client waits as long as Retry-After says; this one measures
REFRESH_EACH = 10
NOT_CONNECTED, NO_RESPONSE = -1, 0


class Response(NamedTuple):
    """A complete response. The status is NOT_CONNECTED without a connection, and NO_RESPONSE if it broke."""

    status: int
    body: Any = None


class Ledger:
    """The acknowledged changes, one on each line of a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._file = path.open("a", encoding="utf-8")

    def record(self, **acknowledged: Any) -> None:
        """Write an acknowledged change."""
        with self._lock:
            self._file.write(json.dumps(acknowledged) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def entries(self) -> list[dict[str, Any]]:
        """Return all acknowledged changes."""
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]


def connection_to(address: str) -> HTTPConnection:
    """Return a connection, which is opened at its first request. Certificates are not verified."""
    scheme, netloc, *_ = urlsplit(address)
    if scheme == "http":
        return HTTPConnection(netloc, timeout=PATIENCE_SECONDS)
    return HTTPSConnection(netloc, timeout=PATIENCE_SECONDS, context=ssl._create_unverified_context())


class Client(Thread):
    """A client of one user that creates and changes tasks until `stopped` is set. It uses the addresses in turn."""

    def __init__(self, addresses: Sequence[str], ledger: Ledger, stopped: Event) -> None:
        super().__init__(daemon=True)
        self.ledger, self.stopped = ledger, stopped
        self.statuses: Counter[int] = Counter()
        self.succeeded_at: list[float] = []
        self.slowest = 0.0
        self.acknowledged = 0
        self.username = f"user-{uuid4().hex}"
        self._connections = [connection_to(address) for address in addresses]
        self._next_connections = cycle(self._connections)
        self.headers = {"Content-Type": "application/json"}

    def run(self) -> None:
        """Register, sign in, and work."""
        credentials = {"username": self.username, "password": PASSWORD}
        self.send_until_done("POST", "auth/register", credentials)
        self._set_tokens(self.send_until_done("POST", "auth/login", credentials))
        self.work()

    def work(self) -> None:
        """Create and complete one task after the other; refresh the tokens after every REFRESH_EACH tasks."""
        for number in count(1):
            self._add_task(uuid4().hex)
            if number % REFRESH_EACH == 0:
                self._set_tokens(self.send_until_done("POST", "auth/refresh", {"refresh_token": self.refresh_token}))
            if self.stopped.wait(PAUSE_SECONDS):
                return

    def send_until_done(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """Repeat a request until it succeeds, and return the body; None after a 4xx, or if `stopped` is set."""
        while True:
            response = self.send(method, path, body, key)
            if 200 <= response.status < 300:
                return response.body
            if 400 <= response.status < 500 or self.stopped.wait(RETRY_SECONDS):
                return None

    def send(self, method: str, path: str, body: Any = None, key: str | None = None) -> Response:
        """Send a request once, and record its status and duration."""
        started = time.monotonic()
        response = self._exchange(next(self._next_connections), method, f"/api/v1/{path}", body, key)
        ended = time.monotonic()
        self.statuses[response.status] += 1
        self.slowest = max(self.slowest, ended - started)
        if 200 <= response.status < 300:
            self.succeeded_at.append(ended)
        return response

    def disconnect(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()

    def tasks(self) -> Iterator[dict[str, Any]]:
        """Yield all tasks of the user."""
        cursor = ""
        while cursor is not None:
            page = self.send("GET", f"tasks?limit=100&sort=created_at{cursor and '&cursor='}{cursor}")
            assert page.status == 200, page
            yield from page.body["items"]
            cursor = page.body["next_cursor"]

    def _add_task(self, key: str) -> None:
        if created := self.send_until_done("POST", "tasks", {"title": key}, key):
            self._record(created, key)
            if changed := self.send_until_done("PATCH", f"tasks/{created['id']}", {"status": "done"}):
                self._record(changed, key)

    def _record(self, task: dict[str, Any], key: str) -> None:
        self.ledger.record(username=self.username, key=key, id=task["id"], version=task["version"])
        self.acknowledged += 1

    def _set_tokens(self, tokens: dict[str, Any] | None) -> None:
        if tokens:
            self.refresh_token = tokens["refresh_token"]
            self.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def _exchange(self, connection: HTTPConnection, method: str, path: str, body: Any, key: str | None) -> Response:
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        try:
            if connection.sock is None:
                connection.connect()
        except OSError:
            return Response(NOT_CONNECTED)
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, HTTPException):
            connection.close()
            return Response(NO_RESPONSE)
        return Response(response.status, json.loads(content) if content else None)


class RevokedClient(Client):
    """A client that keeps using the tokens of a session that has ended."""

    def work(self) -> None:
        """Sign out, then send requests with the revoked token."""
        self.send_until_done("POST", "auth/logout")
        self.succeeded_at.clear()
        while not self.stopped.wait(PAUSE_SECONDS):
            self.send("GET", "me")


class Reader(Client):
    """A client that only reads."""

    def work(self) -> None:
        """List tasks."""
        while not self.stopped.wait(PAUSE_SECONDS):
            self.send("GET", "tasks")
