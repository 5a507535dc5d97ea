"""The database fails in the midst of a request: 503 in the one shape, and service goes on when it can."""

import secrets
import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa
from flask import request_finished
from flask_migrate import upgrade

from taskapi.database import READER, db

TASKS = "/api/v1/tasks"


@pytest.fixture
def app(make_app, new_database):
    """An application on a database of its own."""
    app = make_app(DATABASE_URL=new_database())
    with app.app_context():
        upgrade(revision="heads")
    return app


@pytest.fixture
def on(app):
    """Skip what is of one database alone."""

    def on(name):
        with app.app_context():
            if db.engine.dialect.name != name:
                pytest.skip(f"{name} alone")

    return on


@pytest.fixture
def writes(app):
    """Execute a statement on each connection for writing, as it begins a transaction."""
    statements = []

    def execute(connection):
        for statement in statements:
            connection.exec_driver_sql(statement)

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "begin", execute)
    return statements.append


def is_unavailable(answer):
    return (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "unavailable", "2")


def test_a_full_disk_refuses_writes_and_loses_nothing_that_was_acknowledged(on, app, owner, task, writes):
    on("sqlite")
    with app.app_context(), db.engines[READER].connect() as connection:
        size = connection.exec_driver_sql("PRAGMA page_count").scalar()
    writes(f"PRAGMA max_page_count = {size}")
    large = {"title": "Task", "description": "long " * 4000}
    made = [owner.post(TASKS, json=large) for _ in range(8)]
    assert is_unavailable(made[-1])
    assert owner.get(f"{TASKS}/{task['id']}").json == task
    kept = {answer.json["id"] for answer in made if answer.status_code == 201}
    assert {item["id"] for item in owner.get(TASKS).json["items"]} == kept | {task["id"]}
    writes(f"PRAGMA max_page_count = {size * 10}")
    assert owner.post(TASKS, json=large).status_code == 201


def test_a_database_that_only_reads_is_read(on, owner, task, writes):
    on("postgresql")
    writes("SET TRANSACTION READ ONLY")
    assert is_unavailable(owner.post(TASKS, json={"title": "Task"}))
    assert owner.get(f"{TASKS}/{task['id']}").json == task


def test_a_connection_that_is_lost_after_the_answer_was_made_changes_no_answer(on, app, owner):
    on("postgresql")

    def end_sessions(*_args, **_kwargs):
        with db.engines[READER].connect() as connection:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}")

    nobodys = {"title": "Task", "project_id": "01890000-0000-7000-8000-000000000000"}
    with request_finished.connected_to(end_sessions, app):
        assert owner.post(TASKS, json=nobodys).status_code == 422
    assert owner.post(TASKS, json={"title": "Task"}).status_code == 201


def test_a_transaction_that_cannot_be_committed_is_over_all_the_same(on, app, owner, writes):
    on("sqlite")
    writes("PRAGMA defer_foreign_keys = ON")
    writes("INSERT INTO task_labels (owner_id, task_id, label_id) VALUES ('of', 'nobody', 'at all')")
    assert owner.post(TASKS, json={"title": "Task"}).status_code == 500
    with app.app_context(), closing(sqlite3.connect(db.engine.url.database, timeout=0)) as another:
        another.execute("BEGIN IMMEDIATE")
    assert owner.get(TASKS).json["items"] == []


@pytest.mark.parametrize(
    "change", ["change_counters ALTER COLUMN tasks TYPE bigint", "tasks ALTER COLUMN title TYPE text"]
)
def test_a_column_that_changes_its_type_costs_each_connection_one_answer_at_most(on, app, owner, change):
    on("postgresql")
    url = f"{TASKS}/{owner.post(TASKS, json={'title': 'Water'}).json['id']}"

    def statuses():
        return [owner.get(TASKS).status_code, owner.patch(url, json={"title": secrets.token_hex(4)}).status_code]

    for _ in range(7):  # by then the driver has its own prepared too
        assert statuses() == [200, 200]
    with app.app_context():
        another = sa.create_engine(db.engine.url, poolclass=sa.NullPool)
    with another.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {change}")
    assert {*statuses(), *statuses()} <= {200, 503}
    assert statuses() == [200, 200]
