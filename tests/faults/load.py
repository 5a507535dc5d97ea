"""Clients that send requests during a fault, and the results: at the end, all acknowledged changes must exist."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from tests.faults.clients import NO_RESPONSE, NOT_CONNECTED, PATIENCE_SECONDS, Client, Ledger, Reader, RevokedClient

REPEATED_REQUESTS = 5
WRITES_AROUND = 4  # of each client, before and after the fault


@dataclass(frozen=True)
class Figures:
    """The results of a fault. The numbers from `lost` to `let_in` must be 0."""

    acknowledged: int  # writes with a 2xx response
    lost: int  # acknowledged writes that do not exist, or in an older version
    duplicate: int  # tasks that exist twice
    failed: int  # 5xx other than 503
    refused: int  # 4xx
    let_in: int  # requests of an ended session that succeeded
    unavailable: int  # 503
    refused_connections: int
    broken_connections: int  # closed or reset before a response
    unread: int  # reads without a 200
    slowest: float  # seconds until a response of any status
    recovered: float  # seconds from the end of the fault until every client has had a successful response

    @property
    def harmless(self) -> bool:
        """Whether nothing was lost or duplicated, and each response was a success or a 503."""
        harm = self.lost + self.duplicate + self.failed + self.refused + self.let_in
        return self.acknowledged > 0 and harm == 0

    @property
    def flawless(self) -> bool:
        """Whether no request failed at all."""
        failures = self.unavailable + self.refused_connections + self.broken_connections + self.unread
        return self.harmless and failures == 0


class Load:
    """Several clients that send requests, and their results."""

    def __init__(self, addresses: Sequence[str], folder: Path, clients: int) -> None:
        self.stopped = Event()
        self.ledger = Ledger(folder / "ledger")
        self.clients = [Client(addresses, self.ledger, self.stopped) for _ in range(clients)]
        self.revoked = RevokedClient(addresses, self.ledger, self.stopped)
        self.reader = Reader(addresses, self.ledger, self.stopped)

    def start(self) -> None:
        """Start all clients, and wait until each one has had WRITES_AROUND writes acknowledged."""
        for client in (*self.clients, self.revoked, self.reader):
            client.start()
        self.wait_until(lambda client: client.acknowledged >= WRITES_AROUND)
        for client in self.clients:
            client.slowest = 0.0  # the first responses of a new process are slower

    def recovery(self) -> Figures:
        """Wait until every client succeeds again after the fault, stop the clients, and return the results."""
        ended = time.monotonic()
        self.wait_until(lambda client: client.succeeded_at[-1] > ended)
        before = {client: client.acknowledged for client in self.clients}
        self.wait_until(lambda client: client.acknowledged >= before[client] + WRITES_AROUND)
        self.stop()
        recovered = max(next(at for at in client.succeeded_at if at > ended) for client in self.clients) - ended
        return self._figures(recovered)

    def wait_until(self, is_true: Callable[[Client], bool]) -> None:
        """Wait until a condition is true for every client. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(map(is_true, self.clients)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no success within {PATIENCE_SECONDS} s")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop all clients."""
        self.stopped.set()
        for client in (*self.clients, self.revoked, self.reader):
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
            let_in=len(self.revoked.succeeded_at),
            unavailable=statuses[503],
            refused_connections=statuses[NOT_CONNECTED],
            broken_connections=statuses[NO_RESPONSE],
            unread=sum(self.reader.statuses.values()) - len(self.reader.succeeded_at),
            slowest=slowest,
            recovered=recovered,
        )

    def _audit(self) -> tuple[int, int]:
        entries = defaultdict(list)
        for entry in self.ledger.entries():
            entries[entry["username"]].append(entry)
        audits = [audit(client, entries[client.username]) for client in self.clients]
        return sum(lost for lost, _ in audits), sum(duplicate for _, duplicate in audits)


def audit(client: Client, entries: list[dict[str, Any]]) -> tuple[int, int]:
    """Return how many entries of a client's ledger are lost, and how many tasks exist twice.

    The last requests are repeated first, as a client does that crashed after it had written the ledger.
    """
    for entry in entries[-REPEATED_REQUESTS:]:
        client.send("POST", "tasks", {"title": entry["key"]}, entry["key"])
    tasks = list(client.tasks())
    client.disconnect()
    versions = {task["id"]: task["version"] for task in tasks}
    lost = sum(versions.get(entry["id"], -1) < entry["version"] for entry in entries)
    return lost, len(tasks) - len({task["title"] for task in tasks})


@contextmanager
def load(*addresses: str, folder: Path, clients: int = 8) -> Iterator[Load]:
    """Run clients during the block. They use the addresses of the service in turn."""
    running = Load(addresses, folder, clients)
    try:
        running.start()
        yield running
    finally:
        running.stop()
