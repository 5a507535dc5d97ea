"""Measure how long requests take under a mixed load: 70 % reads, 25 % writes and 5 % sign-ins at bcrypt's default cost.

python -m benchmarks.mixed                                      # SQLite
python -m benchmarks.mixed --database postgresql:///name        # its role may create databases

The server is `flask serve` with its default options. Requests of 200 users are sent at random moments, whether those
before them have ended or not. A duration counts from the moment at which the request should be sent.
"""

import argparse
import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from benchmarks import subject
from benchmarks.in_process import discard_log
from tests.servers import Server

USERS = 200
TASKS = 20  # of each user
RATE = 60  # requests per second; three of them are sign-ins, which keep three quarters of a core busy
SECONDS = 60
WARM_UP = 5  # seconds
CLIENTS = 64  # the most requests that wait for a response
SHARES = {"reads": 70, "writes": 25, "sign-ins": 5}  # percent
SEED = 23


class Results(NamedTuple):
    """The durations of the requests of one kind in seconds, in ascending order, and how many did not get 2xx."""

    durations: list[float]
    refused: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://…; the default is SQLite")
    parser.add_argument("--rate", type=float, default=RATE, help="requests per second")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    options = parser.parse_args()
    print(report([options.database], options.rate, options.seconds))


def report(databases: list[str], rate: float = RATE, seconds: int = SECONDS) -> str:
    """Return a table: the percentiles of each kind of request on each database."""
    lines = ["| | requests | p50, ms | p95, ms | p99, ms | p99 / p50 | refused |", "| --- |" + " ---: |" * 6]
    for database in databases:
        for kind, results in measure(database, rate, seconds).items():
            name = f"{'PostgreSQL' if database else 'SQLite'}: {kind}"
            p50, p95, p99 = (results.durations[len(results.durations) * p // 100] * 1000 for p in (50, 95, 99))
            figures = f"{p50:.1f} | {p95:.1f} | {p99:.1f} | {p99 / p50:.1f} | {results.refused}"
            lines.append(f"| {name} | {len(results.durations):,} | {figures} |")
    return "\n".join(lines)


def measure(database: str, rate: float, seconds: int) -> dict[str, Results]:
    """Send the requests, and return the results by kind."""
    with subject.environment(database) as settings:
        with discard_log():
            app = subject.application(settings, BCRYPT_ROUNDS=4, LOG_LEVEL="warning")
            users = subject.create_users(app, count=USERS, tasks=TASKS)
        settings["TASKAPI_TRUSTED_PROXIES"] = "1"  # so that each user has an address
        with Server(settings, Path(settings["TASKAPI_INSTANCE_PATH"])) as server:
            client = Client(server.port, users)
            client.send_for(WARM_UP, rate)
            return client.send_for(seconds, rate)


class Client:
    """Requests of some users, over connections that are kept."""

    def __init__(self, port: int, users: list[subject.User]) -> None:
        self._port = port
        self._users = users
        self._random = random.Random(SEED)
        self._local = threading.local()

    def send_for(self, seconds: float, rate: float) -> dict[str, Results]:
        """Send requests for some seconds, and return the results by kind."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            sent = [(kind, pool.submit(self._send, kind, moment)) for kind, moment in self._moments(seconds, rate)]
        found = {kind: [request.result() for kind_, request in sent if kind_ == kind] for kind in SHARES}
        return {
            kind: Results(sorted(taken for taken, _ in results), sum(not ok for _, ok in results))
            for kind, results in found.items()
        }

    def _moments(self, seconds: float, rate: float) -> Iterator[tuple[str, float]]:
        """Yield the kind of each request and its moment, when that moment has come."""
        moment = time.perf_counter()
        end = moment + seconds
        while (moment := moment + self._random.expovariate(rate)) < end:
            time.sleep(max(0.0, moment - time.perf_counter()))
            yield self._random.choices([*SHARES], [*SHARES.values()])[0], moment

    def _send(self, kind: str, moment: float) -> tuple[float, bool]:
        """Send a request of a random user. Return how long it took, and whether it succeeded."""
        number = random.randrange(len(self._users))
        method, path, body = self._request(kind, self._users[number])
        headers = {"Content-Type": "application/json", "X-Forwarded-For": f"192.0.2.{number}"}
        if kind != "sign-ins":
            headers["Authorization"] = f"Bearer {self._users[number].token}"
        if not hasattr(self._local, "connection"):
            self._local.connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        self._local.connection.request(method, path, body, headers)
        response = self._local.connection.getresponse()
        response.read()
        return time.perf_counter() - moment, response.status // 100 == 2

    @staticmethod
    def _request(kind: str, user: subject.User) -> tuple[str, str, str | None]:
        """Return the method, the path and the body of a request. Half of the reads are lists."""
        tasks = "/api/v1/tasks"
        if kind == "sign-ins":
            return "POST", "/api/v1/auth/login", json.dumps({"username": user.username, "password": subject.PASSWORD})
        if kind == "writes":
            return "POST", tasks, json.dumps(subject.NEW_TASK)
        return "GET", random.choice([tasks, f"{tasks}/{user.task_id}"]), None


if __name__ == "__main__":
    main()
