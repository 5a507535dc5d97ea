"""Clients as they should be: what was not acknowledged they send again, under the same key.

What was acknowledged goes into a ledger on disk.
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
RETRY_SECONDS = 0.2  # a client in the field heeds Retry-After; this one is here to measure
REFRESH_EACH = 10
NOT_CONNECTED, NO_ANSWER = -1, 0


class Answer(NamedTuple):
    """An answer that was read to its end; or NOT_CONNECTED, so that nothing was asked, or NO_ANSWER."""

    status: int
    body: Any = None


class Ledger:
    """What the service has said that it did: on disk, a line for each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._file = path.open("a", encoding="utf-8")

    def record(self, **acknowledged: Any) -> None:
        """Write down what was acknowledged."""
        with self._lock:
            self._file.write(json.dumps(acknowledged) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Write no more."""
        self._file.close()

    def entries(self) -> list[dict[str, Any]]:
        """Read it back."""
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]


def connection_to(address: str) -> HTTPConnection:
    """Return a connection, to be opened when it is used; whose certificate it is matters to no test of faults."""
    scheme, netloc, *_ = urlsplit(address)
    if scheme == "http":
        return HTTPConnection(netloc, timeout=PATIENCE_SECONDS)
    return HTTPSConnection(netloc, timeout=PATIENCE_SECONDS, context=ssl._create_unverified_context())


class Client(Thread):
    """A person's client: makes tasks and changes them until it is told to stop, at each address by turns."""

    def __init__(self, addresses: Sequence[str], ledger: Ledger, stopped: Event) -> None:
        super().__init__(daemon=True)
        self.ledger, self.stopped = ledger, stopped
        self.statuses: Counter[int] = Counter()
        self.served: list[float] = []
        self.slowest = 0.0
        self.acknowledged = 0
        self.person = f"person-{uuid4().hex}"
        self._connections = [connection_to(address) for address in addresses]
        self._turns = cycle(self._connections)
        self.headers = {"Content-Type": "application/json"}

    def run(self) -> None:
        """Open an account, and use it."""
        credentials = {"username": self.person, "password": PASSWORD}
        self.until_done("POST", "auth/register", credentials)
        self._take(self.until_done("POST", "auth/login", credentials))
        self.work()

    def work(self) -> None:
        """Make a task and finish it, over and over; get new tokens now and then."""
        for turn in count(1):
            self._make_task(uuid4().hex)
            if turn % REFRESH_EACH == 0:
                self._take(self.until_done("POST", "auth/refresh", {"refresh_token": self.refresh_token}))
            if self.stopped.wait(PAUSE_SECONDS):
                return

    def until_done(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """Send a request until it succeeds, and return what it is answered; None if it is refused, or time to stop."""
        while True:
            answer = self.send(method, path, body, key)
            if 200 <= answer.status < 300:
                return answer.body
            if 400 <= answer.status < 500 or self.stopped.wait(RETRY_SECONDS):
                return None

    def send(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        """Send a request once, and note what came of it."""
        started = time.monotonic()
        answer = self._exchange(next(self._turns), method, f"/api/v1/{path}", body, key)
        ended = time.monotonic()
        self.statuses[answer.status] += 1
        self.slowest = max(self.slowest, ended - started)
        if 200 <= answer.status < 300:
            self.served.append(ended)
        return answer

    def disconnect(self) -> None:
        """Leave no connection open."""
        for connection in self._connections:
            connection.close()

    def tasks(self) -> Iterator[dict[str, Any]]:
        """Read back all that there is."""
        cursor = ""
        while cursor is not None:
            page = self.send("GET", f"tasks?limit=100&sort=created_at{cursor and '&cursor='}{cursor}")
            assert page.status == 200, page
            yield from page.body["items"]
            cursor = page.body["next_cursor"]

    def _make_task(self, key: str) -> None:
        if made := self.until_done("POST", "tasks", {"title": key}, key):
            self._acknowledge(made, key)
            if changed := self.until_done("PATCH", f"tasks/{made['id']}", {"status": "done"}):
                self._acknowledge(changed, key)

    def _acknowledge(self, task: dict[str, Any], key: str) -> None:
        self.ledger.record(person=self.person, key=key, id=task["id"], version=task["version"])
        self.acknowledged += 1

    def _take(self, tokens: dict[str, Any] | None) -> None:
        if tokens:
            self.refresh_token = tokens["refresh_token"]
            self.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def _exchange(self, connection: HTTPConnection, method: str, path: str, body: Any, key: str | None) -> Answer:
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        try:
            if connection.sock is None:
                connection.connect()
        except OSError:
            return Answer(NOT_CONNECTED)
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, HTTPException):
            connection.close()
            return Answer(NO_ANSWER)
        return Answer(response.status, json.loads(content) if content else None)


class Intruder(Client):
    """Somebody whose session was ended, and who goes on trying."""

    def work(self) -> None:
        """Try to be let in."""
        self.until_done("POST", "auth/logout")
        self.served.clear()
        while not self.stopped.wait(PAUSE_SECONDS):
            self.send("GET", "me")


class Reader(Client):
    """Somebody who only looks."""

    def work(self) -> None:
        """Look."""
        while not self.stopped.wait(PAUSE_SECONDS):
            self.send("GET", "tasks")
