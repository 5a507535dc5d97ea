"""A page of 20 tasks, at the start and deep inside, as its owner's tasks grow: the time must stay.

python -m benchmarks.growth [postgresql://…]   on SQLite without an address; the database must be empty
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa
from flask import Flask, g
from flask.testing import FlaskClient
from flask_migrate import upgrade

from taskapi import create_app
from taskapi.accounts.models import create_user
from taskapi.database import READER, act_for, acting_for, db
from taskapi.owned import ChangeCounter
from taskapi.security.cursor import seal
from taskapi.security.tokens import verify
from taskapi.tasks.models import Task

SIZES = (1_000, 100_000, 1_000_000)
PASSWORD = "correct horse battery staple"
ROUNDS = 100
QUESTIONS = {
    "newest first": ("-created_at", {}),
    "by due": ("due", {}),
    "by title, open": ("title", {"status": ["todo"]}),
    "rare word": ("-created_at", {"q": "needle"}),
}
SERIES = {
    "sqlite": "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < :count) ",
    "postgresql": "WITH s(i) AS (SELECT generate_series(1, :count)) ",
}
FILL = """
INSERT INTO tasks (owner_id, id, title, description, status, priority, created_at, updated_at, version, title_key,
                   words, priority_rank, due_first, due_last)
{series}SELECT :owner, {id}, 'Task ' || i, '', CASE i % 4 WHEN 0 THEN 'todo' ELSE 'done' END, 'none', {at}, {at}, i,
    'task ' || i, CASE i % 1000 WHEN 7 THEN 'task needle ' ELSE 'task hay ' END || i, 0, {at}, {at} FROM s
"""
DIALECTS = {
    "sqlite": {"id": "printf('%032x', i)", "at": "strftime('%Y-%m-%d %H:%M:%f000', 946684800 + i, 'unixepoch')"},
    "postgresql": {"id": "lpad(to_hex(i), 32, '0')::uuid", "at": "to_timestamp(946684800 + i)"},
}


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/growth.db"
        app = create_app(
            {
                "DATABASE_URL": url,
                "INSTANCE_PATH": folder,
                "BCRYPT_ROUNDS": 4,
                "RATELIMIT_ENABLED": False,
                "LOG_LEVEL": "warning",
            }
        )
        with app.app_context():
            upgrade()
        print(f"{'ms, median of ' + str(ROUNDS):32}" + "".join(f"{size:>12,}" for size in SIZES) + "   growth")
        people = [fill(app, size) for size in SIZES]
        with app.app_context(), db.engines[READER].connect() as connection:
            connection.exec_driver_sql("ANALYZE")
        for name, question in QUESTIONS.items():
            for place in ("start", "deep"):
                times = measure([page(client, *question, place=place) for client in people])
                print(
                    f"{name + ', ' + place:32}" + "".join(f"{t:12.2f}" for t in times) + f"{times[-1] / times[0]:9.2f}"
                )


def fill(app: Flask, count: int) -> FlaskClient:
    """Open an account with that many tasks, and sign it in."""
    with app.app_context():
        user = create_user(f"owner-{count}", PASSWORD)
        db.session.flush()
        name = db.engine.dialect.name
        statement = FILL.format(series=SERIES[name], **DIALECTS[name])
        owner = user.id.hex if name == "sqlite" else user.id
        counter = sa.update(ChangeCounter).where(ChangeCounter.owner_id == user.id)
        with acting_for(user.id):
            db.session.execute(sa.text(statement), {"owner": owner, "count": count})
            db.session.execute(counter.values(value=count, tasks=count))
        db.session.commit()
    client = app.test_client()
    login = client.post("/api/v1/auth/login", json={"username": f"owner-{count}", "password": PASSWORD})
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {login.json['access_token']}"
    return client


def page(client: FlaskClient, sort: str, filters: dict[str, object], *, place: str) -> Callable[[], None]:
    """Return what asks for a page, behind the middle of the list if it is to be deep."""
    query = {**filters, "sort": sort} | ({"cursor": middle(client, sort, filters)} if place == "deep" else {})

    def ask() -> None:
        answer = client.get("/api/v1/tasks", query_string=query)
        assert len(answer.json["items"]) == 20 or "q" in filters, answer.text

    return ask


def middle(client: FlaskClient, sort: str, filters: dict[str, object]) -> str:
    """Return the cursor of the middle of a person's list."""
    key = {"-created_at": Task.created_at, "due": Task.due_first, "title": Task.title_key}[sort]
    with client.application.test_request_context("/api/v1/tasks"):
        g.caller = verify(client.environ_base["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
        act_for(g.caller.id)
        count = db.session.execute(sa.select(sa.func.count()).where(Task.owner_id == g.caller.id)).scalar_one()
        row = db.session.execute(
            sa.select(key, Task.id).where(Task.owner_id == g.caller.id, Task.id == UUID(int=count // 2))
        ).one()
        return seal(list(row), {**filters, "sort": (sort,)})


def measure(asks: list[Callable[[], None]]) -> list[float]:
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
