"""Measure frequent requests as the number of tasks of a user grows, and as the number of users grows.

python -m benchmarks.growth                                     # SQLite
python -m benchmarks.growth --database postgresql:///name       # its role may create databases
"""

import argparse
import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Flask, g
from flask.testing import FlaskClient

from benchmarks import subject
from benchmarks.in_process import discard_log
from taskapi.database import READER, db, rls_user, set_rls_user
from taskapi.resources.models import ChangeCounter
from taskapi.resources.pagination import encode_cursor
from taskapi.security.tokens import verify_token
from taskapi.tasks.models import Task
from taskapi.users.models import create_user

TASKS = (1_000, 100_000, 1_000_000)
USERS = (10, 1_000, 10_000)
ROUNDS = 60
PAGES = {
    "newest first": ("-created_at", {}),
    "by due": ("due", {}),
    "by title, open": ("title", {"status": ["todo"]}),
}
SERIES = {
    "sqlite": "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < :count) ",
    "postgresql": "WITH s(i) AS (SELECT generate_series(1, :count)) ",
}
INSERT = """
INSERT INTO tasks (owner_id, id, title, description, status, priority, created_at, updated_at, version, title_key,
                   words, priority_rank, due_first, due_last, position, labels, reminders)
{series}SELECT :owner, {id}, 'Task ' || i, '', CASE i % 4 WHEN 0 THEN 'todo' ELSE 'done' END, 'none', {at}, {at}, i,
    'task ' || i, CASE i WHEN 7 THEN 'task needle ' ELSE 'task hay ' END || i, 0, {at}, {at}, {position}, {none}, {none}
FROM s
"""
DIALECTS = {
    "sqlite": {
        "id": "printf('00000000-0000-0000-0000-%012x', i)",
        "position": "printf('%032x', i)",
        "at": "strftime('%Y-%m-%dT%H:%M:%f000Z', 946684800 + i, 'unixepoch')",
        "none": "'[]'",
    },
    "postgresql": {
        "id": "lpad(to_hex(i), 32, '0')::uuid",
        "position": "lpad(to_hex(i), 32, '0')",
        "at": "to_timestamp(946684800 + i)",
        "none": "'{}'::text[]",
    },
}
Call = Callable[[], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://…; the default is SQLite")
    print(report(parser.parse_args().database))


def report(database: str = "") -> str:
    """Return the measurements as Markdown."""
    with discard_log():
        return "\n\n".join("\n".join(table) for table in (measure_tasks(database), measure_users(database)))


def measure_tasks(database: str) -> Iterator[str]:
    """Yield the rows of the table for growing numbers of tasks of one user."""
    with subject.environment(database) as settings:
        app = subject.application(settings, BCRYPT_ROUNDS=4, RATELIMIT_ENABLED=False, MAX_TASKS=2 * TASKS[-1])
        clients = [create_client(app, count) for count in TASKS]
        analyze(app)
        yield from table("tasks of one user", TASKS, [calls_of(client) for client in clients])


def measure_users(database: str) -> Iterator[str]:
    """Yield the rows of the table for growing numbers of users with 25 tasks each. One of them sends the requests."""
    with ExitStack() as environments:
        clients = []
        for count in USERS:
            settings = environments.enter_context(subject.environment(database))
            app = subject.application(settings, BCRYPT_ROUNDS=4, RATELIMIT_ENABLED=False)
            create_other_users(app, count - 1)
            clients.append(create_client(app, 25))
            analyze(app)
        yield from table("users", USERS, [calls_of(client) for client in clients])


def create_client(app: Flask, count: int) -> FlaskClient:
    """Create a user with `count` tasks, and return a client that is signed in."""
    username = f"owner-{secrets.token_hex(4)}"
    with app.app_context():
        insert_tasks(create_user(username, subject.PASSWORD), count)
        db.session.commit()
    client = app.test_client()
    login = client.post("/api/v1/auth/login", json={"username": username, "password": subject.PASSWORD})
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {login.json['access_token']}"
    return client


def insert_tasks(user: Any, count: int) -> None:
    """Insert `count` tasks in one statement."""
    db.session.flush()
    name = db.engine.dialect.name
    with rls_user(user.id):
        statement = sa.text(INSERT.format(series=SERIES[name], **DIALECTS[name]))
        db.session.execute(statement, {"owner": user.id, "count": count})
        counter = sa.update(ChangeCounter).where(ChangeCounter.owner_id == user.id)
        db.session.execute(counter.values(value=count, tasks=count))


def create_other_users(app: Flask, count: int) -> None:
    """Create `count` users with 25 tasks each."""
    with app.app_context():
        for number in range(count):
            insert_tasks(create_user(f"other-{number}", subject.PASSWORD), 25)
            db.session.commit()
            db.session.expunge_all()


def analyze(app: Flask) -> None:
    with app.app_context(), db.engines[READER].connect() as connection:
        connection.exec_driver_sql("ANALYZE")


def calls_of(client: FlaskClient) -> dict[str, Call]:
    """Return the requests of a client, by name."""
    newest = client.get("/api/v1/tasks?limit=1").json["items"][0]
    calls = {}
    for name, (sort, filters) in PAGES.items():
        calls[f"page, {name}"] = get(client, "/api/v1/tasks", **filters, sort=sort)
        cursor = middle_cursor(client, sort, filters)
        calls[f"page, {name}, from the middle"] = get(client, "/api/v1/tasks", **filters, sort=sort, cursor=cursor)
    return calls | {
        "one task": get(client, f"/api/v1/tasks/{newest['id']}"),
        "a new task": lambda: check(client.post("/api/v1/tasks", json=subject.NEW_TASK), 201),
        "changes, the latest 20": get(client, "/api/v1/changes", since=max(0, newest["version"] - 20), limit=20),
        "search, one of the tasks": get(client, "/api/v1/tasks", q="needle"),
    }


def get(client: FlaskClient, path: str, **query: Any) -> Call:
    return lambda: check(client.get(path, query_string=query), 200)


def check(response: Any, status: int) -> None:
    assert response.status_code == status, response.text


def middle_cursor(client: FlaskClient, sort: str, filters: dict[str, Any]) -> str:
    """Return a cursor that starts in the middle of the user's list."""
    key = {"-created_at": Task.created_at, "due": Task.due_first, "title": Task.title_key}[sort]
    with client.application.test_request_context("/api/v1/tasks"):
        g.caller = verify_token(client.environ_base["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
        set_rls_user(g.caller.id)
        mine = Task.owner_id == g.caller.id
        count = db.session.execute(sa.select(sa.func.count()).where(mine)).scalar_one()
        row = db.session.execute(sa.select(key, Task.id).where(mine, Task.id == UUID(int=count // 2))).one()
        return encode_cursor(list(row), {**filters, "sort": (sort,), "zone": "UTC"})  # as `find_tasks` binds it


def table(heading: str, sizes: tuple[int, ...], calls_by_client: list[dict[str, Call]]) -> Iterator[str]:
    yield f"| {heading}, ms | " + " | ".join(f"{size:,}" for size in sizes) + " | growth |"
    yield "| --- |" + " --- |" * (len(sizes) + 1)
    for name in calls_by_client[0]:
        times = measure([calls[name] for calls in calls_by_client])
        yield f"| {name} | " + " | ".join(f"{value:.2f}" for value in times) + f" | × {times[-1] / times[0]:.2f} |"


def measure(calls: list[Call]) -> list[float]:
    """Return the median milliseconds of each call. The calls alternate, so that a busy moment affects all of them."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, durations in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            durations.append(time.perf_counter() - start)
    return [statistics.median(durations) * 1000 for durations in times]


if __name__ == "__main__":
    main()
