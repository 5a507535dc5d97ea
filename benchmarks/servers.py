"""Compare `flask serve` and gunicorn: the same application on two workers with eight threads each. Needs wrk.

python -m benchmarks.servers [postgresql://…]   the database must be empty; the default is SQLite
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
    """The results of one run of wrk. CPU time is that of the server."""

    rate: float  # requests per second
    p99_ms: float
    cpu_us: float  # per request


class Server:
    """A server, on a free port. `command` is by default the one of its name."""

    def __init__(self, name: str, environment: dict[str, str], folder: str, command: str = "") -> None:
        port = free_port()
        self.name = name
        self.address = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", *(command or COMMANDS[name]).format(port=port).split()],
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
        """Return the CPU time that its processes have used."""
        stats = [Path(f"/proc/{pid}/stat").read_text().split() for pid in children(self.process.pid)]
        return sum(int(ticks) for stat in stats for ticks in stat[13:15]) / TICK

    def measure(self, path: str, token: str, *headers: str) -> Figures:
        """Run wrk for three seconds."""
        before = self.cpu_seconds()
        options = [option for header in (f"Authorization: Bearer {token}", *headers) for option in ("-H", header)]
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", *options, self.address + path]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        sent, rate = re.search(r"(\d+) requests in", output), re.search(r"Requests/sec:\s+([\d.]+)", output)
        p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
        assert "Non-2xx" not in output, output
        assert sent
        assert rate
        assert p99
        cpu_us = (self.cpu_seconds() - before) / max(1, int(sent[1])) * 1e6
        return Figures(float(rate[1]), float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]], cpu_us)


@contextmanager
def signing_in(address: str) -> Iterator[None]:
    """Let two clients sign in repeatedly during the block, at the default bcrypt cost."""
    stopped = Event()

    def sign_in() -> None:
        while not stopped.is_set():
            post(address, "login", {"username": "ada", "password": PASSWORD})

    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(sign_in)
        yield
        stopped.set()


@contextmanager
def slow_bodies(address: str) -> Iterator[None]:
    """Keep eight requests open during the block whose bodies are never sent."""
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
    "20 tasks, a new connection for each request": ("/api/v1/tasks", ["Connection: close"], nullcontext),
    "20 tasks, during two sign-ins": ("/api/v1/tasks", [], signing_in),
    "20 tasks, during eight slow bodies": ("/api/v1/tasks", [], slow_bodies),
}


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/servers.db"
        settings = {"DATABASE_URL": url, "INSTANCE_PATH": folder, "RATELIMIT_ENABLED": "false", "LOG_LEVEL": "warning"}
        settings["JWT_SECRET_KEY"] = "J7pd3mXkqKZz0wTQfR9uYbLhVs4nEcAi"
        environment = os.environ | {f"TASKAPI_{name}": value for name, value in settings.items()}
        subprocess.run([sys.executable, "-m", "flask", "db", "upgrade"], cwd=ROOT, env=environment, check=True)
        with Server("gunicorn", environment, folder) as first, Server("flask serve", environment, folder) as second:
            compare(first, second)


def compare(first: Server, second: Server) -> None:
    """Measure each case on both servers in alternating runs. The ratios compare neighbouring runs."""
    post(first.address, "register", {"username": "ada", "password": PASSWORD})
    token = post(first.address, "login", {"username": "ada", "password": PASSWORD})[1]["access_token"]
    ids = [create(first.address, token, number) for number in range(20)]
    for case, (path, headers, conditions) in CASES.items():
        pairs = []
        for _ in range(ROUNDS):
            pair = []
            for server in (first, second):
                with conditions(server.address):
                    pair.append(server.measure(path.format(id=ids[0]), token, *headers))
            pairs.append(pair)
        show(case, [first.name, second.name], pairs)


def create(address: str, token: str, number: int) -> str:
    """Create a task, and return its id."""
    body = json.dumps({"title": f"Task {number}", "labels": ["home"]}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{address}/api/v1/tasks", body, headers)) as response:
        return str(json.load(response)["id"])


def show(case: str, names: list[str], pairs: list[list[Figures]]) -> None:
    """Print the medians of each server, and the ratios of the second server to the first."""
    for name, figures in zip(names, zip(*pairs, strict=True), strict=True):
        rate, p99_ms, cpu_us = (statistics.median(values) for values in zip(*figures, strict=True))
        print(f"{case:44} {name:11} {rate:6,.0f}/s   p99 {p99_ms:6.1f} ms   {cpu_us:5,.0f} µs of CPU", flush=True)
    rates = [second.rate / first.rate for first, second in pairs]
    cpu_times = [second.cpu_us / first.cpu_us for first, second in pairs]
    spread = f"{min(rates):.2f} to {max(rates):.2f}"
    print(f"{'':44} rate {statistics.median(rates):.2f} ({spread}), CPU {statistics.median(cpu_times):.2f}", flush=True)


if __name__ == "__main__":
    main()
