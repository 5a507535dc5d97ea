"""What is asked most, as one person's tasks grow, and as people do: the time must stay.

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
from benchmarks.in_process import quietly
from taskapi.database import READER, db, rls_user, set_rls_user
from taskapi.resources.models import ChangeCounter
from taskapi.resources.pagination import encode_cursor
from taskapi.security.tokens import verify_token
from taskapi.tasks.models import Task
from taskapi.users.models import create_user

TASKS = (1_000, 100_000, 1_000_000)
PEOPLE = (10, 1_000, 10_000)
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
FILL = """
INSERT INTO tasks (owner_id, id, title, description, status, priority, created_at, updated_at, version, title_key,
                   words, priority_rank, due_first, due_last)
{series}SELECT :owner, {id}, 'Task ' || i, '', CASE i % 4 WHEN 0 THEN 'todo' ELSE 'done' END, 'none', {at}, {at}, i,
    'task ' || i, CASE i WHEN 7 THEN 'task needle ' ELSE 'task hay ' END || i, 0, {at}, {at} FROM s
"""
DIALECTS = {
    "sqlite": {"id": "printf('%032x', i)", "at": "strftime('%Y-%m-%d %H:%M:%f000', 946684800 + i, 'unixepoch')"},
    "postgresql": {"id": "lpad(to_hex(i), 32, '0')::uuid", "at": "to_timestamp(946684800 + i)"},
}
Ask = Callable[[], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://…; SQLite without")
    print(report(parser.parse_args().database))


def report(database: str = "") -> str:
    """Return what was measured, as Markdown."""
    with quietly():
        return "\n\n".join("\n".join(table) for table in (of_tasks(database), of_people(database)))


def of_tasks(database: str) -> Iterator[str]:
    """Yield the table of one person's tasks."""
    with subject.environment(database) as settings:
        app = subject.application(settings, BCRYPT_ROUNDS=4, RATELIMIT_ENABLED=False, MAX_TASKS=2 * TASKS[-1])
        clients = [filled(app, count) for count in TASKS]
        analyze(app)
        yield from table("tasks of one user", TASKS, [questions(client) for client in clients])


def of_people(database: str) -> Iterator[str]:
    """Yield the table of people with a page of tasks each; one of them asks."""
    with ExitStack() as open_:
        clients = []
        for count in PEOPLE:
            settings = open_.enter_context(subject.environment(database))
            app = subject.application(settings, BCRYPT_ROUNDS=4, RATELIMIT_ENABLED=False)
            crowd(app, count - 1)
            clients.append(filled(app, 25))
            analyze(app)
        yield from table("users", PEOPLE, [questions(client) for client in clients])


def filled(app: Flask, count: int) -> FlaskClient:
    """Open an account with that many tasks, and sign it in."""
    username = f"owner-{secrets.token_hex(4)}"
    with app.app_context():
        fill(create_user(username, subject.PASSWORD), count)
        db.session.commit()
    client = app.test_client()
    login = client.post("/api/v1/auth/login", json={"username": username, "password": subject.PASSWORD})
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {login.json['access_token']}"
    return client


def fill(user: Any, count: int) -> None:
    db.session.flush()
    name = db.engine.dialect.name
    with rls_user(user.id):
        owner = user.id.hex if name == "sqlite" else user.id
        statement = sa.text(FILL.format(series=SERIES[name], **DIALECTS[name]))
        db.session.execute(statement, {"owner": owner, "count": count})
        counter = sa.update(ChangeCounter).where(ChangeCounter.owner_id == user.id)
        db.session.execute(counter.values(value=count, tasks=count))


def crowd(app: Flask, count: int) -> None:
    """Open that many accounts, each with a page of tasks."""
    with app.app_context():
        for number in range(count):
            fill(create_user(f"crowd-{number}", subject.PASSWORD), 25)
            db.session.commit()
            db.session.expunge_all()


def analyze(app: Flask) -> None:
    with app.app_context(), db.engines[READER].connect() as connection:
        connection.exec_driver_sql("ANALYZE")


def questions(client: FlaskClient) -> dict[str, Ask]:
    """Return what is asked, by name."""
    newest = client.get("/api/v1/tasks?limit=1").json["items"][0]
    asks = {}
    for name, (sort, filters) in PAGES.items():
        asks[f"page, {name}"] = get(client, "/api/v1/tasks", **filters, sort=sort)
        cursor = middle(client, sort, filters)
        asks[f"page, {name}, deep inside"] = get(client, "/api/v1/tasks", **filters, sort=sort, cursor=cursor)
    return asks | {
        "one task": get(client, f"/api/v1/tasks/{newest['id']}"),
        "a new task": lambda: check(client.post("/api/v1/tasks", json=subject.NEW_TASK), 201),
        "changes, the latest 20": get(client, "/api/v1/changes", since=max(0, newest["version"] - 20), limit=20),
        "search, one of the tasks": get(client, "/api/v1/tasks", q="needle"),
    }


def get(client: FlaskClient, path: str, **query: Any) -> Ask:
    return lambda: check(client.get(path, query_string=query), 200)


def check(answer: Any, status: int) -> None:
    assert answer.status_code == status, answer.text


def middle(client: FlaskClient, sort: str, filters: dict[str, Any]) -> str:
    """Return the cursor of the middle of a person's list."""
    key = {"-created_at": Task.created_at, "due": Task.due_first, "title": Task.title_key}[sort]
    with client.application.test_request_context("/api/v1/tasks"):
        g.caller = verify_token(client.environ_base["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
        set_rls_user(g.caller.id)
        mine = Task.owner_id == g.caller.id
        count = db.session.execute(sa.select(sa.func.count()).where(mine)).scalar_one()
        row = db.session.execute(sa.select(key, Task.id).where(mine, Task.id == UUID(int=count // 2))).one()
        return encode_cursor(list(row), {**filters, "sort": (sort,)})


def table(of: str, sizes: tuple[int, ...], asked: list[dict[str, Ask]]) -> Iterator[str]:
    yield f"| {of}, ms | " + " | ".join(f"{size:,}" for size in sizes) + " | growth |"
    yield "| --- |" + " --- |" * (len(sizes) + 1)
    for name in asked[0]:
        taken = measure([asks[name] for asks in asked])
        yield f"| {name} | " + " | ".join(f"{t:.2f}" for t in taken) + f" | × {taken[-1] / taken[0]:.2f} |"


def measure(asks: list[Ask]) -> list[float]:
    """Return the median time of each in milliseconds; by turns, so that a busy moment meets all of them."""
    times: list[list[float]] = [[] for _ in asks]
    for _ in range(ROUNDS):
        for ask, seen in zip(asks, times, strict=True):
            start = time.perf_counter()
            ask()
            seen.append(time.perf_counter() - start)
    return [statistics.median(seen) * 1000 for seen in times]


if __name__ == "__main__":
    main()
