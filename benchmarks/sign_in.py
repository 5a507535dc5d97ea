"""What a sign-in costs beside one bare bcrypt check, and what it leaves of the reads. At the default cost of bcrypt.

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
from benchmarks.in_process import call, quietly
from taskapi.config import SETTINGS

PAIRS = 40
SECONDS = 5
ROUNDS = 3
COST = SETTINGS["BCRYPT_ROUNDS"].default


def main() -> None:
    print(report())


def report() -> str:
    """Return what was measured, as Markdown."""
    with subject.environment() as settings:
        settings |= {"TASKAPI_RATELIMIT_ENABLED": "false", "TASKAPI_PASSWORD_QUEUE": "100"}
        folder = Path(settings["TASKAPI_INSTANCE_PATH"])
        with quietly():
            app = subject.application(settings)
            people = subject.people(app, count=8)
        lines = [beside_bcrypt(app, people[0])]
        with over_http.serving("wsgi:app", settings, folder) as server:
            lines += [*reads(server.address, people, folder), "", *at_once(server.address, people)]
    return "\n".join(lines)


def beside_bcrypt(app: Flask, person: subject.Person) -> str:
    body = {"username": person.username, "password": subject.PASSWORD}
    sign_in = call(app, [EnvironBuilder("/api/v1/auth/login", method="POST", json=body)])
    hashed = bcrypt.hashpw(b"x" * 44, bcrypt.gensalt(COST))
    with quietly():
        times = [(timed(lambda: bcrypt.checkpw(b"x" * 44, hashed)), timed(sign_in)) for _ in range(PAIRS)]
    check, whole = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(whole / check for check, whole in times)
    return f"One bcrypt check takes {check * 1000:.0f} ms, a sign-in {whole * 1000:.0f} ms; pair by pair × {ratio:.3f}."


def timed(run: object) -> float:
    start = time.perf_counter()
    run()  # type: ignore[operator]
    return time.perf_counter() - start


def reads(address: str, people: list[subject.Person], folder: Path) -> Iterator[str]:
    """Yield how fast tasks are read while so many sign-ins are under way all the time."""
    options = [*over_http.script("get", people, folder), "--latency"]
    seen: dict[int, list[tuple[float, float]]] = {0: [], 1: [], 2: [], 4: []}
    for _ in range(ROUNDS):
        for count, results in seen.items():
            with signing_in(address, people[:count]):
                results.append(read_for_a_while(address, options))
    alone = statistics.median(rate for rate, _ in seen[0])
    yield "\n| sign-ins under way | reads/s | of the reads alone | p99, ms |\n| --- | --- | --- | --- |"
    for count, results in seen.items():
        rate, slow = (statistics.median(column) for column in zip(*results, strict=True))
        yield f"| {count} | {rate:,.0f} | {rate / alone:.0%} | {slow:.1f} |"


def read_for_a_while(address: str, options: list[str]) -> tuple[float, float]:
    """Return reads a second, and the milliseconds that one in a hundred exceeds."""
    said = over_http.wrk(address, options, SECONDS)
    number, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", said)[0]
    return over_http.rate_of(said), float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


@contextmanager
def signing_in(address: str, people: list[subject.Person]) -> Iterator[None]:
    """Have each of these people sign in again and again."""
    over = threading.Event()
    threads = [threading.Thread(target=sign_in_until, args=(over, address, person)) for person in people]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()


def sign_in_until(over: threading.Event, address: str, person: subject.Person) -> None:
    while not over.is_set():
        sign_in(address, person)


def sign_in(address: str, person: subject.Person) -> None:
    body = f'{{"username": "{person.username}", "password": "{subject.PASSWORD}"}}'
    connection = HTTPConnection(address.removeprefix("http://"), timeout=60)
    connection.request("POST", "/api/v1/auth/login", body, {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()


def at_once(address: str, people: list[subject.Person]) -> Iterator[str]:
    """Yield how many sign-ins a second one worker does, so many at once."""
    yield "| sign-ins at once | a second |\n| --- | --- |"
    for count in (1, 2, 4, 8):
        with ThreadPoolExecutor(count) as pool:
            start = time.perf_counter()
            list(pool.map(lambda i: sign_in(address, people[i % count]), range(count * 6)))  # noqa: B023
            yield f"| {count} | {count * 6 / (time.perf_counter() - start):.1f} |"


if __name__ == "__main__":
    main()
