"""Load by clients as they should be: what was not acknowledged they send again, under the same key.

What was acknowledged goes into a ledger on disk, and is looked for in the end.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

PASSWORD = "correct horse battery staple"
PAUSE_SECONDS = 0.05
RETRY_SECONDS = 0.2  # a client in the field heeds Retry-After; this one is here to measure
PATIENCE_SECONDS = 60
SENT_AGAIN = 20
WRITES_AROUND = 10  # each client's, before the fault and after it
NO_ANSWER = 0


class Answer(NamedTuple):
    """An answer that was read to its end, or NO_ANSWER."""

    status: int
    body: Any = None


@dataclass(frozen=True)
class Figures:
    """What clients saw of a fault. Lost, duplicate and failed are to be nothing."""

    acknowledged: int  # writes that got their 2xx
    lost: int  # of those, the ones that are not there, or not as they were acknowledged
    duplicate: int  # things that are there twice
    failed: int  # 5xx other than 503
    refused: int  # 4xx
    unavailable: int  # 503
    broken: int  # connections that were refused, reset or closed without an answer
    slowest: float  # seconds for an answer of any kind
    recovered: float  # seconds from the end of the fault until the last client had been served again

    @property
    def harmless(self) -> bool:
        """Whether nothing was lost, doubled, or answered by anything but a success or a 503."""
        return self.acknowledged > 0 and not (self.lost or self.duplicate or self.failed or self.refused)


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


class Client(Thread):
    """A person's client: makes tasks and changes them, until it is told to stop."""

    def __init__(self, address: str, ledger: Ledger, stopped: Event) -> None:
        super().__init__(daemon=True)
        self.ledger, self.stopped = ledger, stopped
        self.address = address
        self.statuses: Counter[int] = Counter()
        self.served: list[float] = []
        self.slowest = 0.0
        self.acknowledged = 0
        self.person = f"person-{uuid4().hex}"
        self._connection: HTTPConnection | None = None
        self.headers = {"Content-Type": "application/json"}
        credentials = {"username": self.person, "password": PASSWORD}
        self.until_done("POST", "auth/register", credentials)
        token = self.until_done("POST", "auth/login", credentials)["access_token"]
        self.headers["Authorization"] = f"Bearer {token}"

    def run(self) -> None:
        """Make a task and finish it, over and over."""
        while not self.stopped.wait(PAUSE_SECONDS):
            key = uuid4().hex
            task = self.until_done("POST", "tasks", {"title": key}, key)
            if task:
                self._acknowledge(task, key)
                changed = self.until_done("PATCH", f"tasks/{task['id']}", {"status": "done"})
                if changed:
                    self._acknowledge(changed, key)

    def until_done(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """Send a request until it succeeds, and return what it is answered; None where it is time to stop."""
        while True:
            answer = self.send(method, path, body, key)
            if 200 <= answer.status < 300:
                return answer.body
            if self.stopped.wait(RETRY_SECONDS):
                return None

    def send(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        """Send a request once, and note what came of it."""
        started = time.monotonic()
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        try:
            answer = self._exchange(method, f"/api/v1/{path}", json.dumps(body) if body else None, headers)
        except (OSError, HTTPException):
            self.disconnect()
            answer = Answer(NO_ANSWER)
        ended = time.monotonic()
        self.statuses[answer.status] += 1
        self.slowest = max(self.slowest, ended - started)
        if 200 <= answer.status < 300:
            self.served.append(ended)
        return answer

    def disconnect(self) -> None:
        """Give the connection up."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def tasks(self) -> Iterator[dict[str, Any]]:
        """Read back all that there is."""
        cursor = ""
        while cursor is not None:
            page = self.send("GET", f"tasks?limit=100&sort=created_at{cursor and '&cursor='}{cursor}")
            assert page.status == 200, page
            yield from page.body["items"]
            cursor = page.body["next_cursor"]

    def _acknowledge(self, task: dict[str, Any], key: str) -> None:
        self.ledger.record(person=self.person, key=key, id=task["id"], version=task["version"])
        self.acknowledged += 1

    def _exchange(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        if self._connection is None:
            self._connection = HTTPConnection(urlsplit(self.address).netloc, timeout=PATIENCE_SECONDS)
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        return Answer(response.status, json.loads(content) if content else None)


class Load:
    """Several clients at work, and what they saw."""

    def __init__(self, addresses: list[str], folder: Path, clients: int) -> None:
        self.stopped = Event()
        self.ledger = Ledger(folder / "ledger")
        self.clients = [
            Client(addresses[number % len(addresses)], self.ledger, self.stopped) for number in range(clients)
        ]

    def recovery(self) -> Figures:
        """Wait until every client is served again, now that the fault has ended; then stop, and tell what they saw."""
        ended = time.monotonic()
        self.wait_until(lambda client: client.served[-1] > ended)
        before = {client: client.acknowledged for client in self.clients}
        self.wait_until(lambda client: client.acknowledged >= before[client] + WRITES_AROUND)
        self.stop()
        recovered = max(next(at for at in client.served if at > ended) for client in self.clients) - ended
        return self._figures(recovered)

    def wait_until(self, so: Callable[[Client], bool]) -> None:
        """Wait until something is so of every client."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(map(so, self.clients)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not served within {PATIENCE_SECONDS} s")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it."""
        self.stopped.set()
        for client in self.clients:
            client.join()
            client.disconnect()
        self.ledger.close()

    def _figures(self, recovered: float) -> Figures:
        statuses = sum((client.statuses for client in self.clients), Counter())
        slowest = max(client.slowest for client in self.clients)
        lost, duplicate = self._audit()
        return Figures(
            acknowledged=sum(client.acknowledged for client in self.clients),
            lost=lost,
            duplicate=duplicate,
            failed=sum(number for status, number in statuses.items() if status >= 500 and status != 503),
            refused=sum(number for status, number in statuses.items() if 400 <= status < 500),
            unavailable=statuses[503],
            broken=statuses[NO_ANSWER],
            slowest=slowest,
            recovered=recovered,
        )

    def _audit(self) -> tuple[int, int]:
        entries = defaultdict(list)
        for entry in self.ledger.entries():
            entries[entry["person"]].append(entry)
        audits = [audit(client, entries[client.person]) for client in self.clients]
        return sum(lost for lost, _ in audits), sum(duplicate for _, duplicate in audits)


def audit(client: Client, entries: list[dict[str, Any]]) -> tuple[int, int]:
    """Return how much of what a client's ledger has is lost, and how much there is twice.

    The last requests are sent once more before, as by a client that crashed when it had written the ledger.
    """
    for entry in entries[-SENT_AGAIN:]:
        client.send("POST", "tasks", {"title": entry["key"]}, entry["key"])
    tasks = list(client.tasks())
    client.disconnect()
    versions = {task["id"]: task["version"] for task in tasks}
    lost = sum(versions.get(entry["id"], -1) < entry["version"] for entry in entries)
    return lost, len(tasks) - len({task["title"] for task in tasks})


@contextmanager
def load(*addresses: str, folder: Path, clients: int = 8) -> Iterator[Load]:
    """Put a service, at one address or by turns at several, under load; each client is well at work."""
    running = Load(list(addresses), folder, clients)
    for client in running.clients:
        client.start()
    try:
        running.wait_until(lambda client: client.acknowledged >= WRITES_AROUND)
        yield running
    finally:
        running.stop()
