"""The database fails during a request: the response is 503, and the service continues when the database does."""

import gc
import secrets
import sqlite3
import warnings
from contextlib import closing

import pytest
import sqlalchemy as sa
from flask import request_finished
from flask_migrate import upgrade

from taskapi.database import READER, db

TASKS = "/api/v1/tasks"


@pytest.fixture
def app(make_app, new_database):
    """An application on its own database."""
    app = make_app(DATABASE_URL=new_database())
    with app.app_context():
        upgrade(revision="heads")
    return app


@pytest.fixture
def on(app):
    """Skip a test on the other database."""

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


def is_unavailable(response):
    return (response.status_code, response.json["code"], response.headers["Retry-After"]) == (503, "unavailable", "2")


def test_full_disk_rejects_writes_and_keeps_committed_rows(on, app, owner, task, writes):
    on("sqlite")
    with app.app_context(), db.engines[READER].connect() as connection:
        size = connection.exec_driver_sql("PRAGMA page_count").scalar()
    writes(f"PRAGMA max_page_count = {size}")
    large = {"title": "Task", "description": "long " * 4000}
    made = [owner.post(TASKS, json=large) for _ in range(8)]
    assert is_unavailable(made[-1])
    assert owner.get(f"{TASKS}/{task['id']}").json == task
    kept = {response.json["id"] for response in made if response.status_code == 201}
    assert {item["id"] for item in owner.get(TASKS).json["items"]} == kept | {task["id"]}
    writes(f"PRAGMA max_page_count = {size * 10}")
    assert owner.post(TASKS, json=large).status_code == 201


def test_read_only_database_serves_reads(on, owner, task, writes):
    on("postgresql")
    writes("SET TRANSACTION READ ONLY")
    assert is_unavailable(owner.post(TASKS, json={"title": "Task"}))
    assert owner.get(f"{TASKS}/{task['id']}").json == task


def test_connection_lost_after_the_response_changes_nothing(on, app, owner):
    on("postgresql")

    def end_sessions(*_args, **_kwargs):
        with db.engines[READER].connect() as connection:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}")

    nobodys = {"title": "Task", "project_id": "01890000-0000-7000-8000-000000000000"}
    with request_finished.connected_to(end_sessions, app):
        assert owner.post(TASKS, json=nobodys).status_code == 422
    assert owner.post(TASKS, json={"title": "Task"}).status_code == 201


def test_failed_commit_ends_the_transaction(on, app, owner, writes):
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
def test_changed_column_type_fails_at_most_one_request_per_connection(on, app, owner, change):
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


UNSUPPORTED = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'not on this server' USING ERRCODE = 'feature_not_supported'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def test_statement_that_the_server_does_not_support_is_an_internal_error(on, app, owner, caplog):
    on("postgresql")
    with app.app_context(), db.engines[READER].connect() as connection:
        connection.connection.driver_connection.execute(UNSUPPORTED)
    response = owner.post(TASKS, json={"title": "Water the plants"})
    assert (response.status_code, response.json["code"]) == (500, "internal_error")
    assert "not on this server" in caplog.text
    assert owner.get(TASKS).json["items"] == []


def test_table_that_changed_since_a_statement_was_prepared_is_a_passing_fault(on, app, owner, task):
    on("postgresql")
    assert owner.get(f"{TASKS}/{task['id']}").status_code == 200
    with app.app_context(), db.engines[READER].connect() as connection:
        connection.exec_driver_sql("ALTER TABLE tasks ALTER COLUMN title TYPE varchar(300)")
    responses = [owner.patch(f"{TASKS}/{task['id']}", json={"title": title}) for title in "abc"]
    assert {response.status_code for response in responses} <= {200, 503}
    assert responses[-1].status_code == 200


def test_connection_whose_first_query_fails_is_closed(on, app, make_app):
    """A pooler without a free server fails it, for example. The connection is open, and in no pool yet."""
    on("postgresql")
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA shadow")
        function = "shadow.pg_backend_pid() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'"
        connection.exec_driver_sql(f"CREATE FUNCTION {function}")
        url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    shadowed = make_app(DATABASE_URL=f"{url}?options=-csearch_path%3Dshadow,pg_catalog")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert shadowed.test_client().get("/readyz").status_code == 503
        gc.collect()
    assert [str(each.message) for each in caught if "deleted while still open" in str(each.message)] == []
