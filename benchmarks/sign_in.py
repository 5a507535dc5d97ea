"""Compare a sign-in with one bcrypt check, and measure how sign-ins slow down reads. At the default bcrypt cost.

python -m benchmarks.sign_in
"""

import re
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import bcrypt
from flask import Flask
from werkzeug.test import EnvironBuilder

from benchmarks import over_http, subject
from benchmarks.in_process import call, discard_log
from taskapi.config import SETTINGS

PAIRS = 40
SECONDS = 5
ROUNDS = 3
COST = SETTINGS["BCRYPT_ROUNDS"].default


def main() -> None:
    print(report())


def report() -> str:
    """Return the measurements as Markdown."""
    with subject.environment() as settings:
        settings |= {"TASKAPI_RATELIMIT_ENABLED": "false", "TASKAPI_PASSWORD_QUEUE": "100"}
        folder = Path(settings["TASKAPI_INSTANCE_PATH"])
        with discard_log():
            app = subject.application(settings)
            users = subject.create_users(app, count=16)
        readers, users = users[8:], users[:8]  # many sign-ins end the first session of a user
        lines = [compare_with_bcrypt(app, users[0])]
        with over_http.serving("wsgi:app", settings, folder) as server:
            lines += [
                *measure_reads(server.address, readers, users, folder),
                "",
                *measure_sign_ins(server.address, users),
            ]
    return "\n".join(lines)


def compare_with_bcrypt(app: Flask, user: subject.User) -> str:
    """Return the times of one bcrypt check and of a sign-in as a sentence."""
    body = {"username": user.username, "password": subject.PASSWORD}
    sign_in = call(app, [EnvironBuilder("/api/v1/auth/login", method="POST", json=body)])
    hashed = bcrypt.hashpw(b"x" * 44, bcrypt.gensalt(COST))
    with discard_log():
        times = [(timed(lambda: bcrypt.checkpw(b"x" * 44, hashed)), timed(sign_in)) for _ in range(PAIRS)]
    check, total = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(total / check for check, total in times)
    return f"One bcrypt check takes {check * 1000:.0f} ms, a sign-in {total * 1000:.0f} ms; pair by pair × {ratio:.3f}."


def timed(run: object) -> float:
    start = time.perf_counter()
    run()  # type: ignore[operator]
    return time.perf_counter() - start


def measure_reads(address: str, readers: list[subject.User], users: list[subject.User], folder: Path) -> Iterator[str]:
    """Yield the rows of a table: how fast `readers` read tasks during 0 to 4 concurrent sign-ins of `users`."""
    options = [*over_http.script("get", readers, folder), "--latency"]
    measured: dict[int, list[tuple[float, float]]] = {0: [], 1: [], 2: [], 4: []}
    for _ in range(ROUNDS):
        for count, results in measured.items():
            with signing_in(address, users[:count]):
                results.append(read_for_a_while(address, options))
    alone = statistics.median(rate for rate, _ in measured[0])
    yield "\n| concurrent sign-ins | reads/s | relative to none | p99, ms |\n| --- | --- | --- | --- |"
    for count, results in measured.items():
        rate, p99 = (statistics.median(column) for column in zip(*results, strict=True))
        yield f"| {count} | {rate:,.0f} | {rate / alone:.0%} | {p99:.1f} |"


def read_for_a_while(address: str, options: list[str]) -> tuple[float, float]:
    """Return the reads per second, and the 99th percentile of their duration in milliseconds."""
    output = over_http.wrk(address, options, SECONDS)
    number, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", output)[0]
    return over_http.rate_of(output), float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


@contextmanager
def signing_in(address: str, users: list[subject.User]) -> Iterator[None]:
    """Let each of these users sign in repeatedly during the block."""
    stopped = threading.Event()
    threads = [threading.Thread(target=sign_in_until, args=(stopped, address, user)) for user in users]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def sign_in_until(stopped: threading.Event, address: str, user: subject.User) -> None:
    while not stopped.is_set():
        sign_in(address, user)


def sign_in(address: str, user: subject.User) -> None:
    body = f'{{"username": "{user.username}", "password": "{subject.PASSWORD}"}}'
    connection = HTTPConnection(address.removeprefix("http://"), timeout=60)
    connection.request("POST", "/api/v1/auth/login", body, {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()


def measure_sign_ins(address: str, users: list[subject.User]) -> Iterator[str]:
    """Yield the rows of a table: the sign-ins per second of one worker, by the number of concurrent sign-ins."""
    yield "| concurrent sign-ins | per second |\n| --- | --- |"
    for count in (1, 2, 4, 8):
        with ThreadPoolExecutor(count) as pool:
            start = time.perf_counter()
            list(pool.map(lambda i: sign_in(address, users[i % count]), range(count * 6)))  # noqa: B023
            yield f"| {count} | {count * 6 / (time.perf_counter() - start):.1f} |"


if __name__ == "__main__":
    main()
