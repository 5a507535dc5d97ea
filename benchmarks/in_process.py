"""List, get and create in process, as a share of a bare Flask route's rate: medians of interleaved rounds.

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://…; SQLite without")
    parser.add_argument("--redis", default="", help="redis://… for limits")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--calls", type=int, default=20, help="calls in each round")
    parser.add_argument("--json", action="store_true", help="print the microseconds of each round")
    options = parser.parse_args()
    times = measure(options.database, options.redis, options.rounds, options.calls)
    print(json.dumps(times) if options.json else table(times))


def measure(database: str = "", redis: str = "", rounds: int = 100, each: int = 20) -> dict[str, list[float]]:
    """Return the microseconds that a call took in each round, by its name; `bare` is one of them."""
    with subject.environment(database, redis) as settings, quietly():
        calls = requests_of(subject.application(settings, BCRYPT_ROUNDS=4)) | peers(settings["TASKAPI_INSTANCE_PATH"])
        times: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(rounds):
            for name, run in calls.items():
                start = time.perf_counter()
                for _ in range(each):
                    run()
                times[name].append((time.perf_counter() - start) / each * 1e6)
    return times


@contextmanager
def quietly() -> Iterator[None]:
    """Let the log lines be written, but nowhere."""
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        yield


def requests_of(app: Flask) -> dict[str, Call]:
    """Return what is asked, by name; each asks for one person after the other."""
    people = subject.people(app)
    return {
        "bare": call(subject.bare, [EnvironBuilder("/")]),
        "list": call(app, [ask(person, "") for person in people]),
        "get": call(app, [ask(person, f"/{person.task_id}") for person in people]),
        "create": call(app, [ask(person, "", method="POST", json=subject.NEW_TASK) for person in people]),
    }


def peers(folder: str) -> dict[str, Call]:
    """Return the same of the tutorial's application, which is on SQLite whatever ours is on."""
    app = tutorial.create_app(Path(folder))
    headers = {"Authorization": f"Bearer {app.config['TOKEN']}"}
    new = EnvironBuilder("/tasks", headers=headers, method="POST", json=subject.NEW_TASK)
    return {
        "tutorial: list": call(app, [EnvironBuilder("/tasks", headers=headers)]),
        "tutorial: get": call(app, [EnvironBuilder("/tasks/7", headers=headers)]),
        "tutorial: create": call(app, [new]),
    }


def ask(person: subject.Person, path: str, **options) -> EnvironBuilder:
    return EnvironBuilder(f"/api/v1/tasks{path}", headers={"Authorization": f"Bearer {person.token}"}, **options)


def call(app: Flask, requests: list[EnvironBuilder]) -> Call:
    environs = [request.get_environ() for request in requests]
    bodies = [environ["wsgi.input"].read() for environ in environs]
    turns = cycle(zip(environs, bodies, strict=True))

    def run() -> bytes:
        environ, body = next(turns)
        statuses = []
        answer = app.wsgi_app({**environ, "wsgi.input": BytesIO(body)}, lambda status, *_: statuses.append(status))
        data = b"".join(answer)
        answer.close()
        assert statuses[0][0] == "2", (statuses, data)
        return data

    return run


def table(times: dict[str, list[float]]) -> str:
    """Return the medians, and the median share of the bare route's rate, round by round."""
    lines = ["| | µs | share of bare Flask's rate |", "| --- | --- | --- |"]
    for name, taken in times.items():
        lines.append(f"| {name} | {median(taken):.0f} | {share(times, name):.1%} |")
    return "\n".join(lines)


def share(times: dict[str, list[float]], name: str) -> float:
    """Return the rate of a call over that of the bare route."""
    return median(b / t for b, t in zip(times["bare"], times[name], strict=True))


if __name__ == "__main__":
    main()
