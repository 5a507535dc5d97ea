"""Load, and what its clients saw: all that was acknowledged is looked for in the end."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from tests.faults.clients import NO_ANSWER, NOT_CONNECTED, PATIENCE_SECONDS, Client, Intruder, Ledger, Reader

SENT_AGAIN = 5
WRITES_AROUND = 4  # each client's, before the fault and after it


@dataclass(frozen=True)
class Figures:
    """What clients saw of a fault. All from lost to let_in are to be none."""

    acknowledged: int  # writes that got their 2xx
    lost: int  # of those, the ones that are not there, or not as they were acknowledged
    duplicate: int  # things that are there twice
    failed: int  # 5xx other than 503
    refused: int  # 4xx
    let_in: int  # requests of a session that had been ended, and that were served
    unavailable: int  # 503
    refused_connections: int
    broken_connections: int  # closed or reset before an answer
    unread: int  # of the requests that only read, the ones without a 200
    slowest: float  # seconds for an answer of any kind
    recovered: float  # seconds from the end of the fault until the last client had been served again

    @property
    def harmless(self) -> bool:
        """Whether nothing was lost or doubled, and nothing was answered but by a success or a 503."""
        harm = self.lost + self.duplicate + self.failed + self.refused + self.let_in
        return self.acknowledged > 0 and harm == 0

    @property
    def flawless(self) -> bool:
        """Whether no request failed at all."""
        failures = self.unavailable + self.refused_connections + self.broken_connections + self.unread
        return self.harmless and failures == 0


class Load:
    """Several clients at work, and what they saw."""

    def __init__(self, addresses: Sequence[str], folder: Path, clients: int) -> None:
        self.stopped = Event()
        self.ledger = Ledger(folder / "ledger")
        self.clients = [Client(addresses, self.ledger, self.stopped) for _ in range(clients)]
        self.intruder = Intruder(addresses, self.ledger, self.stopped)
        self.reader = Reader(addresses, self.ledger, self.stopped)

    def start(self) -> None:
        """Let all begin, and wait until each is well at work."""
        for client in (*self.clients, self.intruder, self.reader):
            client.start()
        self.wait_until(lambda client: client.acknowledged >= WRITES_AROUND)
        for client in self.clients:
            client.slowest = 0.0  # how long the first answers of a new process take is another matter

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
        for client in (*self.clients, self.intruder, self.reader):
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
            let_in=len(self.intruder.served),
            unavailable=statuses[503],
            refused_connections=statuses[NOT_CONNECTED],
            broken_connections=statuses[NO_ANSWER],
            unread=sum(self.reader.statuses.values()) - len(self.reader.served),
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
    """Put a service under load, by clients that ask at each of its addresses by turns."""
    running = Load(addresses, folder, clients)
    try:
        running.start()
        yield running
    finally:
        running.stop()
