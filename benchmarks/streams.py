"""Measure ordinary requests beside open streams: without any, with threads, and with the listener.

python -m benchmarks.streams [postgresql://…]   the database must be empty; the default is SQLite. Needs wrk.

Each round measures all cases one after the other, on the same two servers, so that other load on the machine meets all
of them alike. A change is made ten times a second while wrk runs, so a tenth of the streams is not idle.
"""

import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.refresh_race import PASSWORD, post
from benchmarks.servers import CONNECTIONS, SECONDS, Figures, Server, create
from tests.servers import children, connects, free_port, wait_until

ROUNDS = 5
THREADS = 64  # reserved for streams, besides the eight of a worker
STREAMS = {"none": 0, "threads": THREADS, "listener": 500}  # in the one worker
COMMAND = "flask --app wsgi serve --workers 1 --port {port} --threads "


@contextmanager
def streams(address: str, tokens: list[str], count: int) -> Iterator[None]:
    """Keep streams open during the block, spread over some users."""
    host, _, port = address.removeprefix("http://").partition(":")
    opened = []
    for number in range(count):
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        headers = {"Authorization": f"Bearer {tokens[number % len(tokens)]}", "Accept": "text/event-stream"}
        connection.request("GET", "/api/v1/changes/stream", headers=headers)
        response = connection.getresponse()
        assert response.status == http.client.OK, response.read()
        opened.append((connection, response))
    yield
    for connection, response in opened:
        response.close()
        connection.close()


@contextmanager
def changes(address: str, token: str) -> Iterator[None]:
    """Add ten tasks a second during the block."""
    stopped = threading.Event()

    def change() -> None:
        while not stopped.wait(0.1):
            create(address, token, 0)

    thread = threading.Thread(target=change)
    thread.start()
    yield
    stopped.set()
    thread.join()


def resident_kib(server: Server) -> int:
    """Return the memory of the worker."""
    [worker] = [
        pid for pid in children(server.process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return sum(
        int(line.split()[1])
        for line in Path(f"/proc/{worker}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )


def sign_in(address: str, number: int) -> str:
    """Register a user with 20 tasks; return the token."""
    credentials = {"username": f"user-{number}", "password": PASSWORD}
    post(address, "register", credentials)
    token = str(post(address, "login", credentials)[1]["access_token"])
    for task in range(20):
        create(address, token, task)
    return token


def main() -> None:
    """Print the medians of each case, and its ratios to the neighbouring run without streams."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/streams.db"
        port = free_port()
        settings = {"DATABASE_URL": url, "INSTANCE_PATH": folder, "RATELIMIT_ENABLED": "false", "LOG_LEVEL": "warning"}
        settings |= {"JWT_SECRET_KEY": "J7pd3mXkqKZz0wTQfR9uYbLhVs4nEcAi", "BCRYPT_ROUNDS": "4"}
        settings |= {"MAX_STREAMS_PER_USER": "1000", "MAX_STREAM_THREADS": str(2 * THREADS), "MAX_STREAMS": "600"}
        environment = os.environ | {f"TASKAPI_{name}": value for name, value in settings.items()}
        subprocess.run([sys.executable, "-m", "flask", "db", "upgrade"], env=environment, check=True)
        listens = environment | {"TASKAPI_STREAM_ADDRESS": f"127.0.0.1:{port}"}
        with (
            Server("plain", listens, folder, f"{COMMAND}8") as plain,
            Server("many threads", environment, folder, f"{COMMAND}{8 + THREADS}") as many,
        ):
            wait_until(lambda: connects(port))
            compare(plain, many, f"http://127.0.0.1:{port}")


def compare(plain: Server, many: Server, listener: str) -> None:
    """Measure the cases in turn."""
    tokens = [sign_in(plain.address, number) for number in range(10)]
    found: dict[str, list[Figures]] = {name: [] for name in STREAMS}
    memory: dict[str, list[float]] = {name: [] for name in STREAMS}
    for _ in range(ROUNDS):
        for name, count in STREAMS.items():
            server = many if name == "threads" else plain
            before = resident_kib(server)
            with (
                streams(listener if name == "listener" else server.address, tokens, count),
                changes(server.address, tokens[0]),
            ):
                memory[name].append((resident_kib(server) - before) / max(1, count))
                found[name].append(server.measure("/api/v1/tasks", tokens[1]))
            time.sleep(6)  # a thread notices by its next heartbeat that its client has gone
    print(f"{CONNECTIONS} connections, {SECONDS} s, {ROUNDS} rounds, one worker; medians, and ratios to `none`")
    for name, figures in found.items():
        rate, p99, cpu = (statistics.median(values) for values in zip(*figures, strict=True))
        ratios = [one.p99_ms / none.p99_ms for one, none in zip(figures, found["none"], strict=True)]
        rates = [one.rate / none.rate for one, none in zip(figures, found["none"], strict=True)]
        print(
            f"{STREAMS[name]:4} streams, {name:9} {rate:6,.0f}/s   p99 {p99:6.1f} ms   {cpu:5,.0f} µs of CPU   "
            f"p99 {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), "
            f"rate {statistics.median(rates):.2f}, {max(memory[name]):.0f} KiB for each"
        )


if __name__ == "__main__":
    main()
