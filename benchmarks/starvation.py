"""Measure how long the reads of one user take while 64 clients attack: p50, p99 and maximum, and without an attack.

python -m benchmarks.starvation                                             # SQLite
python -m benchmarks.starvation --database postgresql:///name --redis redis://127.0.0.1:6379/15
python -m benchmarks.starvation --seconds 5 passwords search                # only these attacks

The server is `flask serve` with its default options, behind one trusted proxy, so that each request of an attack can
come from another address. The attackers run on the same machine in processes of low priority, because real attackers
use other machines.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import subject
from tests.servers import ROOT, Server

CLIENTS = 64
PROCESSES = 2
SECONDS = 10
PAUSE = 0.02  # seconds between two reads of the measured user
ATTACKERS = 22  # accounts of the attackers
EXPANDING_CHARACTER = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"  # U+FDFA: folds to 18 characters
SYMBOLS = "@$1!0358(<{[|+%7"


class Request(NamedTuple):
    """A request of an attack."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


def register(number: int, _tokens: list[str]) -> Request:
    """Register with a password that has many l33t substitutions, so that its check is slow."""
    return as_json(
        "/api/v1/auth/register", {"username": f"x-{secrets.token_hex(8)}", "password": SYMBOLS * 4 + str(number)}
    )


def sign_in(number: int, _tokens: list[str]) -> Request:
    """Try to sign in, each time from a new address."""
    return as_json("/api/v1/auth/login", {"username": f"nobody-{number}", "password": "wrong"})


def verify_password(number: int, tokens: list[str]) -> Request:
    """Check the password of one of the 22 accounts of the attackers."""
    return as_json("/api/v1/auth/verify-password", {"password": subject.PASSWORD}, tokens[number % len(tokens)])


def large_body(_number: int, _tokens: list[str]) -> Request:
    """Send 1 MB of unknown fields."""
    return Request("POST", "/api/v1/auth/login", LARGE, {"Content-Type": "application/json"})


def search(number: int, tokens: list[str]) -> Request:
    """Search long texts for the maximum number of short words."""
    words = "%20".join(chr(97 + n) + chr(97 + (n + number) % 26) for n in range(10))
    return Request("GET", f"/api/v1/tasks?q={words}", headers=bearer(tokens[number % len(tokens)]))


def import_file(number: int, tokens: list[str]) -> Request:
    """Import a file of 16 MB whose last row is invalid."""
    return Request("POST", IMPORT, FILE, {"Content-Type": "application/json", **bearer(tokens[number % len(tokens)])})


def store_response(number: int, tokens: list[str]) -> Request:
    """Send a batch with an Idempotency-Key, so that its large response is stored."""
    operations = [{"op": "create", "data": {"title": f"{n}", "description": "x" * 600}} for n in range(100)]
    request = as_json("/api/v1/tasks/batch", {"operations": operations}, tokens[number % len(tokens)])
    return request._replace(headers={**request.headers, "Idempotency-Key": secrets.token_hex(16)})


def as_json(path: str, body: Any, token: str = "") -> Request:
    headers = {"Content-Type": "application/json", **(bearer(token) if token else {})}
    return Request("POST", path, json.dumps(body).encode(), headers)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


PATIENT = "sign-ins that wait"  # as long as Retry-After says
ATTACKS: dict[str, Callable[[int, list[str]], Request]] = {
    "passwords": register,
    "sign-ins": sign_in,
    PATIENT: sign_in,
    "password checks": verify_password,
    "large bodies": large_body,
    "search": search,
    "import": import_file,
    "stored responses": store_response,
}
IMPORT = "/api/v1/tasks/import.json"
LARGE = b"{" + b",".join(b'"field%d":1' % n for n in range(70_000)) + b"}"
FILE = (
    b'{"tasks":[' + b",".join([b'{"title":"Water the plants","description":"' + b"x" * 1000 + b'"}'] * 15_000) + b"{}]}"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attacks", nargs="*", choices=[[], *ATTACKS], help="the default is all")
    parser.add_argument("--database", default="", help="postgresql://…; the default is SQLite")
    parser.add_argument("--redis", default="", help="redis://… for rate limits")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="duration of each attack")
    parser.add_argument("--against", nargs=2, help=argparse.SUPPRESS)  # port and tokens, for an attacker
    options = parser.parse_args()
    if options.against:
        attack(options.attacks[0], *options.against, options.seconds)
        return
    print(f"{subject.revision()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for line in report(options.attacks or [*ATTACKS], options.database, options.redis, options.seconds):
        print(line, flush=True)


def report(attacks: list[str], database: str, redis: str, seconds: int) -> Any:
    """Yield the rows of a table."""
    with subject.environment(database, redis) as settings:
        app = subject.application(settings, BCRYPT_ROUNDS=4, LOG_LEVEL="warning")
        victim, *attackers = subject.create_users(app, count=1 + ATTACKERS)
        folder = Path(settings["TASKAPI_INSTANCE_PATH"])
        tokens = folder / "tokens.json"
        tokens.write_text(json.dumps([attacker.token for attacker in attackers]))
        if "search" in attacks:
            add_long_tasks(app, attackers[0].token)
        yield f"{subject.describe(settings)}; {CLIENTS} clients, {seconds} s each\n"
        yield "| attack | reads | p50, ms | p99, ms | maximum, ms | not 200 | responses to the attack |"
        yield "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
        with Server({**settings, "TASKAPI_TRUSTED_PROXIES": "1", "TASKAPI_LOG_LEVEL": "error"}, folder) as server:
            read_for(server.port, victim, 2)  # until all workers have started
            for name in ["none", *attacks, "none again"]:
                processes = start_attackers(name, server.port, tokens, seconds + 1) if name in ATTACKS else []
                time.sleep(1 if processes else 0)
                durations, failed = read_for(server.port, victim, seconds)
                responses: Counter[str] = Counter()
                for process in processes:
                    responses.update(json.loads(process.communicate(timeout=120)[0]))
                yield row(name, durations, failed, responses)


def start_attackers(name: str, port: int, tokens: Path, seconds: int) -> list[subprocess.Popen[str]]:
    """Start the processes of an attack."""
    command = [sys.executable, "-m", "benchmarks.starvation", name, "--seconds", str(seconds)]
    command += ["--against", str(port), str(tokens)]
    return [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]


def add_long_tasks(app: Any, token: str) -> None:
    """Add tasks with long texts for the search of an attacker."""
    client = app.test_client()
    data = {"title": "Long", "description": EXPANDING_CHARACTER * 20_000}
    for _ in range(270):
        client.post("/api/v1/tasks", json=data, headers=bearer(token))


def row(name: str, durations: list[float], failed: int, responses: Counter[str]) -> str:
    """Return a row of the table."""
    durations.sort()
    figures = (durations[len(durations) // 2], durations[len(durations) * 99 // 100], durations[-1])
    times = " | ".join(f"{seconds * 1000:.1f}" for seconds in figures)
    statuses = ", ".join(f"{number} × {status}" for status, number in responses.most_common(5))
    return f"| {name} | {len(durations)} | {times} | {failed} | {statuses} |"


def read_for(port: int, user: subject.User, seconds: float) -> tuple[list[float], int]:
    """Return the durations of the reads of a user, connection included, and how many did not get 200."""
    durations, failed, end = [], 0, time.monotonic() + seconds
    while time.monotonic() < end or not durations:
        started = time.perf_counter()
        status, _ = send(port, Request("GET", "/api/v1/tasks", headers=bearer(user.token)), "192.0.2.1")
        durations.append(time.perf_counter() - started)
        failed += status != "200"
        time.sleep(PAUSE)
    return durations, failed


def attack(name: str, port: str, tokens: str, seconds: int) -> None:
    """Run this process's share of the clients of an attack, and print the number of responses by status."""
    os.nice(10)
    all_tokens: list[str] = json.loads(Path(tokens).read_text())
    used_tokens = all_tokens[:1] if name == "search" else all_tokens
    responses: Counter[str] = Counter()
    numbers, end = count(), time.monotonic() + seconds

    def client() -> None:
        while time.monotonic() < end:
            status, retry_after = send(int(port), ATTACKS[name](next(numbers), used_tokens), random_address())
            responses[status] += 1
            if name == PATIENT:
                time.sleep(retry_after)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS // PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(responses))


def random_address() -> str:
    """Return an IPv6 address in a random network."""
    return f"2001:{secrets.randbelow(0xFFF) + 0x1000:x}:{secrets.randbelow(0xFFFF):x}::1"


def send(port: int, request: Request, address: str) -> tuple[str, int]:
    """Send a request over a new connection; return the status or the name of the error, and Retry-After."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(request.method, request.path, request.body, {**request.headers, "X-Forwarded-For": address})
        response = connection.getresponse()
        response.read()
    except (OSError, HTTPException) as error:
        return type(error).__name__, 0
    finally:
        connection.close()
    return str(response.status), int(response.headers.get("Retry-After", 0))


if __name__ == "__main__":
    main()
