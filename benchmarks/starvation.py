"""How long a quiet user's reads wait while 64 clients attack: p50, p99 and worst, beside the same without an attack.

python -m benchmarks.starvation                                             # SQLite
python -m benchmarks.starvation --database postgresql:///name --redis redis://127.0.0.1:6379/15
python -m benchmarks.starvation --seconds 5 passwords search                # these attacks alone

The server is `flask serve` as shipped, behind one trusted proxy, so that attackers can come from as many addresses
as they like. The attackers run on the same machine, in processes of low priority: real ones have machines of their own.
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
PAUSE = 0.02  # seconds between two reads of the quiet user
ATTACKERS = 22  # accounts of theirs
WORDS_OF_20_LETTERS = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"  # U+FDFA, 18 characters when it is folded
SYMBOLS = "@$1!0358(<{[|+%7"


class Request(NamedTuple):
    """A request of an attack."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


def password(turn: int, _tokens: list[str]) -> Request:
    """Judge a password that is rich in l33t substitutions."""
    return as_json(
        "/api/v1/auth/register", {"username": f"x-{secrets.token_hex(8)}", "password": SYMBOLS * 4 + str(turn)}
    )


def sign_in(turn: int, _tokens: list[str]) -> Request:
    """Try to sign in, from ever new addresses."""
    return as_json("/api/v1/auth/login", {"username": f"nobody-{turn}", "password": "wrong"})


def verify_password(turn: int, tokens: list[str]) -> Request:
    """Check the passwords of 22 accounts of one's own."""
    return as_json("/api/v1/auth/verify-password", {"password": subject.PASSWORD}, tokens[turn % len(tokens)])


def large_body(_turn: int, _tokens: list[str]) -> Request:
    """Send 1 MB of unknown fields."""
    return Request("POST", "/api/v1/auth/login", LARGE, {"Content-Type": "application/json"})


def search(turn: int, tokens: list[str]) -> Request:
    """Search long texts for as many short words as are allowed."""
    words = "%20".join(chr(97 + n) + chr(97 + (n + turn) % 26) for n in range(10))
    return Request("GET", f"/api/v1/tasks?q={words}", headers=bearer(tokens[turn % len(tokens)]))


def bring(turn: int, tokens: list[str]) -> Request:
    """Import 16 MB that are refused for their last row."""
    return Request("POST", IMPORT, FILE, {"Content-Type": "application/json", **bearer(tokens[turn % len(tokens)])})


def store(turn: int, tokens: list[str]) -> Request:
    """Have large answers kept for a repeated request."""
    operations = [{"op": "create", "data": {"title": f"{n}", "description": "x" * 600}} for n in range(100)]
    request = as_json("/api/v1/tasks/batch", {"operations": operations}, tokens[turn % len(tokens)])
    return request._replace(headers={**request.headers, "Idempotency-Key": secrets.token_hex(16)})


def as_json(path: str, body: Any, token: str = "") -> Request:
    headers = {"Content-Type": "application/json", **(bearer(token) if token else {})}
    return Request("POST", path, json.dumps(body).encode(), headers)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


ATTACKS: dict[str, Callable[[int, list[str]], Request]] = {
    "passwords": password,
    "sign-ins": sign_in,
    "password checks": verify_password,
    "large bodies": large_body,
    "search": search,
    "import": bring,
    "stored responses": store,
}
IMPORT = "/api/v1/tasks/import.json"
LARGE = b"{" + b",".join(b'"field%d":1' % n for n in range(70_000)) + b"}"
FILE = (
    b'{"tasks":[' + b",".join([b'{"title":"Water the plants","description":"' + b"x" * 1000 + b'"}'] * 15_000) + b"{}]}"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attacks", nargs="*", choices=[[], *ATTACKS], help="by default all")
    parser.add_argument("--database", default="", help="postgresql://…; SQLite without")
    parser.add_argument("--redis", default="", help="redis://… for limits")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each attack")
    parser.add_argument("--against", nargs=2, help=argparse.SUPPRESS)  # address, file of tokens: be the attackers
    options = parser.parse_args()
    if options.against:
        attack(options.attacks[0], *options.against, options.seconds)
        return
    print(f"{subject.revision()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for line in report(options.attacks or [*ATTACKS], options.database, options.redis, options.seconds):
        print(line, flush=True)


def report(attacks: list[str], database: str, redis: str, seconds: int) -> Any:
    """Yield a table, row by row."""
    with subject.environment(database, redis) as settings:
        app = subject.application(settings, BCRYPT_ROUNDS=4, LOG_LEVEL="warning")
        quiet, *attackers = subject.people(app, count=1 + ATTACKERS)
        folder = Path(settings["TASKAPI_INSTANCE_PATH"])
        tokens = folder / "tokens.json"
        tokens.write_text(json.dumps([attacker.token for attacker in attackers]))
        if "search" in attacks:
            fill(app, attackers[0].token)
        yield f"{subject.about(settings)}; {CLIENTS} clients, {seconds} s each\n"
        yield "| attack | reads | p50, ms | p99, ms | worst, ms | not 200 | responses to the attack |"
        yield "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
        with Server({**settings, "TASKAPI_TRUSTED_PROXIES": "1", "TASKAPI_LOG_LEVEL": "error"}, folder) as server:
            read_for(server.port, quiet, 2)  # until all workers are there
            for name in ["none", *attacks, "none again"]:
                attacking = attackers_of(name, server.port, tokens, seconds + 1) if name in ATTACKS else []
                time.sleep(1 if attacking else 0)
                waits, refused = read_for(server.port, quiet, seconds)
                responses: Counter[str] = Counter()
                for process in attacking:
                    responses.update(json.loads(process.communicate(timeout=120)[0]))
                yield row(name, waits, refused, responses)


def attackers_of(name: str, port: int, tokens: Path, seconds: int) -> list[subprocess.Popen[str]]:
    """Start the processes of an attack."""
    command = [sys.executable, "-m", "benchmarks.starvation", name, "--seconds", str(seconds)]
    command += ["--against", str(port), str(tokens)]
    return [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]


def fill(app: Any, token: str) -> None:
    """Give an attacker long texts to search."""
    client = app.test_client()
    data = {"title": "Long", "description": WORDS_OF_20_LETTERS * 20_000}
    for _ in range(270):
        client.post("/api/v1/tasks", json=data, headers=bearer(token))


def row(name: str, waits: list[float], refused: int, responses: Counter[str]) -> str:
    waits.sort()
    figures = (waits[len(waits) // 2], waits[len(waits) * 99 // 100], waits[-1])
    told = ", ".join(f"{number} × {status}" for status, number in responses.most_common(5))
    return f"| {name} | {len(waits)} | " + " | ".join(f"{f * 1000:.1f}" for f in figures) + f" | {refused} | {told} |"


def read_for(port: int, person: subject.Person, seconds: float) -> tuple[list[float], int]:
    """Return how long each read of the quiet user took, connecting included, and how many were not answered by 200."""
    waits, refused, end = [], 0, time.monotonic() + seconds
    while time.monotonic() < end or not waits:
        started = time.perf_counter()
        status = send(port, Request("GET", "/api/v1/tasks", headers=bearer(person.token)), "192.0.2.1")
        waits.append(time.perf_counter() - started)
        refused += status != "200"
        time.sleep(PAUSE)
    return waits, refused


def attack(name: str, port: str, tokens: str, seconds: int) -> None:
    """Send the requests of an attack from this process's share of the clients, and print what came back."""
    os.nice(10)
    held: list[str] = json.loads(Path(tokens).read_text())
    tokens_of = held[:1] if name == "search" else held
    responses: Counter[str] = Counter()
    turns, end = count(), time.monotonic() + seconds

    def client() -> None:
        while time.monotonic() < end:
            responses[send(int(port), ATTACKS[name](next(turns), tokens_of), address())] += 1

    threads = [threading.Thread(target=client) for _ in range(CLIENTS // PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(responses))


def address() -> str:
    """Return an address in a network of its own."""
    return f"2001:{secrets.randbelow(0xFFF) + 0x1000:x}:{secrets.randbelow(0xFFFF):x}::1"


def send(port: int, request: Request, address: str) -> str:
    """Return the status of the response, or what went wrong, over a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(request.method, request.path, request.body, {**request.headers, "X-Forwarded-For": address})
        response = connection.getresponse()
        response.read()
    except (OSError, HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
    return str(response.status)


if __name__ == "__main__":
    main()
