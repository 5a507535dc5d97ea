"""`flask serve` beside gunicorn: the same application, two workers of eight threads, by turns. Needs wrk.

python -m benchmarks.servers [postgresql://…]   on SQLite without an address; the database must be empty
"""

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Event
from typing import NamedTuple

from benchmarks.refresh_race import PASSWORD, post
from tests.servers import ROOT, children, connects, free_port, wait_until

ROUNDS = 5
SECONDS = 3
CONNECTIONS = 16
TICK = os.sysconf("SC_CLK_TCK")
COMMANDS = {
    "gunicorn": "gunicorn wsgi:app --workers 2 --threads 8 --bind 127.0.0.1:{port}",
    "flask serve": "flask --app wsgi serve --workers 2 --threads 8 --port {port}",
}
Conditions = Callable[[str], AbstractContextManager[object]]


class Figures(NamedTuple):
    """What one run of wrk showed: requests a second, the slowest hundredth in ms, µs of the server's CPU a request."""

    rate: float
    late: float
    cost: float


class Server:
    """One of the two, on a port of its own."""

    def __init__(self, name: str, environment: dict[str, str], folder: str) -> None:
        port = free_port()
        self.name = name
        self.address = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", *COMMANDS[name].format(port=port).split()],
            cwd=ROOT,
            env={**environment, "DRAIN_SECONDS": "0"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: connects(port))

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def cpu_seconds(self) -> float:
        """Return the time that its processes have had of the CPU."""
        stats = [Path(f"/proc/{pid}/stat").read_text().split() for pid in children(self.process.pid)]
        return sum(int(ticks) for stat in stats for ticks in stat[13:15]) / TICK

    def measure(self, path: str, token: str, *headers: str) -> Figures:
        """Let wrk ask for three seconds."""
        before = self.cpu_seconds()
        words = [word for header in (f"Authorization: Bearer {token}", *headers) for word in ("-H", header)]
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", *words, self.address + path]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        done, rate = re.search(r"(\d+) requests in", said), re.search(r"Requests/sec:\s+([\d.]+)", said)
        late = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
        assert "Non-2xx" not in said, said
        assert done
        assert rate
        assert late
        cost = (self.cpu_seconds() - before) / max(1, int(done[1])) * 1e6
        return Figures(float(rate[1]), float(late[1]) * {"us": 0.001, "ms": 1, "s": 1000}[late[2]], cost)


@contextmanager
def signing_in(address: str) -> Iterator[None]:
    """Keep two sign-ins under way, at the default cost."""
    done = Event()

    def work() -> None:
        while not done.is_set():
            post(address, "login", {"username": "ada", "password": PASSWORD})

    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(work)
        yield
        done.set()


@contextmanager
def slow_bodies(address: str) -> Iterator[None]:
    """Keep eight requests open whose bodies never come."""
    host, port = address.removeprefix("http://").split(":")
    head = (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    )
    connections = [socket.create_connection((host, int(port))) for _ in range(8)]
    for connection in connections:
        connection.sendall(head)
    yield
    for connection in connections:
        connection.close()


CASES: dict[str, tuple[str, list[str], Conditions]] = {
    "one task": ("/api/v1/tasks/{id}", [], nullcontext),
    "20 tasks": ("/api/v1/tasks", [], nullcontext),
    "20 tasks, a connection each": ("/api/v1/tasks", ["Connection: close"], nullcontext),
    "20 tasks, two signing in": ("/api/v1/tasks", [], signing_in),
    "20 tasks, eight slow bodies": ("/api/v1/tasks", [], slow_bodies),
}


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/servers.db"
        given = {"DATABASE_URL": url, "INSTANCE_PATH": folder, "RATELIMIT_ENABLED": "false", "LOG_LEVEL": "warning"}
        given["JWT_SECRET_KEY"] = "J7pd3mXkqKZz0wTQfR9uYbLhVs4nEcAi"
        environment = os.environ | {f"TASKAPI_{name}": value for name, value in given.items()}
        subprocess.run([sys.executable, "-m", "flask", "db", "upgrade"], cwd=ROOT, env=environment, check=True)
        with Server("gunicorn", environment, folder) as one, Server("flask serve", environment, folder) as other:
            compare(one, other)


def compare(one: Server, other: Server) -> None:
    """Measure each case on both, by turns; the ratios are of neighbouring runs."""
    post(one.address, "register", {"username": "ada", "password": PASSWORD})
    token = post(one.address, "login", {"username": "ada", "password": PASSWORD})[1]["access_token"]
    ids = [create(one.address, token, number) for number in range(20)]
    for case, (path, headers, conditions) in CASES.items():
        pairs = []
        for _ in range(ROUNDS):
            pair = []
            for server in (one, other):
                with conditions(server.address):
                    pair.append(server.measure(path.format(id=ids[0]), token, *headers))
            pairs.append(pair)
        show(case, [one.name, other.name], pairs)


def create(address: str, token: str, number: int) -> str:
    """Make a task; returns its id."""
    body = json.dumps({"title": f"Task {number}", "labels": ["home"]}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{address}/api/v1/tasks", body, headers)) as answer:
        return str(json.load(answer)["id"])


def show(case: str, names: list[str], pairs: list[list[Figures]]) -> None:
    """Print the medians, and how the rates compare."""
    for name, figures in zip(names, zip(*pairs, strict=True), strict=True):
        rate, late, cost = (statistics.median(values) for values in zip(*figures, strict=True))
        print(f"{case:28} {name:9} {rate:6,.0f}/s   p99 {late:6.1f} ms   {cost:5,.0f} µs of CPU", flush=True)
    rates, costs = ([getattr(b, what) / getattr(a, what) for a, b in pairs] for what in ("rate", "cost"))
    spread = f"{min(rates):.2f} to {max(rates):.2f}"
    print(f"{'':28} rate {statistics.median(rates):.2f} ({spread}), CPU {statistics.median(costs):.2f}", flush=True)


if __name__ == "__main__":
    main()
