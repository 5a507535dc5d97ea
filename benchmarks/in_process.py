"""List, get and create in process, as a share of a bare Flask route's rate: medians of interleaved rounds.

python -m benchmarks.in_process
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from io import BytesIO

from flask import Flask
from werkzeug.test import EnvironBuilder

from taskapi import create_app
from taskapi.accounts.models import create_user
from taskapi.database import db

PASSWORD = "correct horse battery staple"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://… (migrated); SQLite without")
    parser.add_argument("--redis", default="")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--calls", type=int, default=50, help="calls in each round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "INSTANCE_PATH": folder,
            "DATABASE_URL": options.database,
            "REDIS_URL": options.redis,
            "BCRYPT_ROUNDS": 4,
        }
        calls = requests_of(create_app(settings))
        report(calls, options.rounds, options.calls)


def requests_of(app: Flask) -> dict[str, Callable[[], bytes]]:
    bare = Flask("bare")
    bare.add_url_rule("/", view_func=lambda: {"hello": "world"})
    username = f"bench-{time.time_ns()}"
    with app.app_context():
        create_user(username, PASSWORD)
        db.session.commit()
    client = app.test_client()
    token = client.post("/api/v1/auth/login", json={"username": username, "password": PASSWORD}).json["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    for number in range(200):
        made = client.post("/api/v1/tasks", json={"title": f"Task {number}"}, headers=headers)
    task = made.json["id"]
    return {
        "bare": call(bare, "/"),
        "list": call(app, "/api/v1/tasks", headers=headers),
        "get": call(app, f"/api/v1/tasks/{task}", headers=headers),
        "create": call(
            app, "/api/v1/tasks", method="POST", json={"title": "Task", "priority": "high"}, headers=headers
        ),
    }


def call(app: Flask, path: str, **options) -> Callable[[], bytes]:
    environ = EnvironBuilder(path=path, **options).get_environ()
    body = environ["wsgi.input"].read()

    def run() -> bytes:
        statuses = []
        answer = app.wsgi_app({**environ, "wsgi.input": BytesIO(body)}, lambda status, *_: statuses.append(status))
        data = b"".join(answer)
        answer.close()
        assert statuses[0][0] == "2", (statuses, data)
        return data

    return run


def report(calls: dict[str, Callable[[], bytes]], rounds: int, each: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, run in calls.items():
            start = time.perf_counter()
            for _ in range(each):
                run()
            times[name].append((time.perf_counter() - start) / each * 1e6)
    bare = times.pop("bare")
    print(f"{'bare':>8} {statistics.median(bare):8.0f} µs")
    for name, taken in times.items():
        shares = [b / t for b, t in zip(bare, taken, strict=True)]
        print(f"{name:>8} {statistics.median(taken):8.0f} µs {statistics.median(shares):8.1%} of the bare rate")


if __name__ == "__main__":
    main()
