"""Measure list, get and create in process, relative to the rate of a bare Flask route: medians of interleaved rounds.

python -m benchmarks.in_process                                     # SQLite
python -m benchmarks.in_process --database postgresql:///name       # its role may create databases
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import BytesIO
from itertools import cycle
from pathlib import Path
from statistics import median

from flask import Flask
from werkzeug.test import EnvironBuilder

from benchmarks import subject, tutorial

Call = Callable[[], bytes]
Clock = Callable[[], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://…; the default is SQLite")
    parser.add_argument("--redis", default="", help="redis://… for rate limits")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--calls", type=int, default=20, help="calls in each round")
    parser.add_argument("--json", action="store_true", help="print the microseconds of each round")
    options = parser.parse_args()
    times = measure(options.database, options.redis, options.rounds, options.calls)
    print(json.dumps(times) if options.json else table(times))


def measure(
    database: str = "", redis: str = "", rounds: int = 100, repeats: int = 20, clock: Clock = time.perf_counter
) -> dict[str, list[float]]:
    """Return the microseconds of a call in each round, by the name of the call. `bare` is the bare route."""
    with subject.environment(database, redis) as settings, discard_log():
        app = subject.application(settings, BCRYPT_ROUNDS=4)
        calls = requests_of(app) | tutorial_calls(settings["TASKAPI_INSTANCE_PATH"])
        times: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(rounds):
            for name, run in calls.items():
                start = clock()
                for _ in range(repeats):
                    run()
                times[name].append((clock() - start) / repeats * 1e6)
    return times


@contextmanager
def discard_log() -> Iterator[None]:
    """Discard the log. The application still writes it, because that is part of the measured time."""
    with Path(os.devnull).open("w") as null, redirect_stderr(null):
        yield


def requests_of(app: Flask) -> dict[str, Call]:
    """Return the calls by name. Each call is a request of the next user."""
    users = subject.create_users(app)
    return {
        "bare": call(subject.bare, [EnvironBuilder("/")]),
        "list": call(app, [request_of(user, "") for user in users]),
        "get": call(app, [request_of(user, f"/{user.task_id}") for user in users]),
        "create": call(app, [request_of(user, "", method="POST", json=subject.NEW_TASK) for user in users]),
    }


def tutorial_calls(folder: str) -> dict[str, Call]:
    """Return the same calls of the application in `tutorial.py`, which always uses SQLite."""
    app = tutorial.create_app(Path(folder))
    headers = {"Authorization": f"Bearer {app.config['TOKEN']}"}
    new = EnvironBuilder("/tasks", headers=headers, method="POST", json=subject.NEW_TASK)
    return {
        "tutorial: list": call(app, [EnvironBuilder("/tasks", headers=headers)]),
        "tutorial: get": call(app, [EnvironBuilder("/tasks/7", headers=headers)]),
        "tutorial: create": call(app, [new]),
    }


def request_of(user: subject.User, path: str, **options) -> EnvironBuilder:
    return EnvironBuilder(f"/api/v1/tasks{path}", headers={"Authorization": f"Bearer {user.token}"}, **options)


def call(app: Flask, requests: list[EnvironBuilder]) -> Call:
    """Return a function that sends the next of these requests, and returns the body of the response."""
    environs = [request.get_environ() for request in requests]
    bodies = [environ["wsgi.input"].read() for environ in environs]
    next_requests = cycle(zip(environs, bodies, strict=True))

    def run() -> bytes:
        environ, body = next(next_requests)
        statuses = []
        response = app.wsgi_app({**environ, "wsgi.input": BytesIO(body)}, lambda status, *_: statuses.append(status))
        data = b"".join(response)
        response.close()
        assert statuses[0][0] == "2", (statuses, data)
        return data

    return run


def table(times: dict[str, list[float]]) -> str:
    """Return a table: the median of each call, and the median of its rate relative to the bare route."""
    lines = ["| | µs | share of bare Flask's rate |", "| --- | --- | --- |"]
    for name, microseconds in times.items():
        lines.append(f"| {name} | {median(microseconds):.0f} | {share(times, name):.1%} |")
    return "\n".join(lines)


def share(times: dict[str, list[float]], name: str) -> float:
    """Return the rate of a call divided by the rate of the bare route: the median of all rounds."""
    return median(b / t for b, t in zip(times["bare"], times[name], strict=True))


if __name__ == "__main__":
    main()
