"""No request waits for PostgreSQL without a limit: a frozen server, a slow statement, a lock, or a connection."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from conftest import TEST_DATABASE_URL, unavailable
from flask_migrate import upgrade
from servers import Gunicorn, Postgres, wait_until
from sqlalchemy.exc import OperationalError

from taskapi.database import READER, db, reader

pytestmark = pytest.mark.skipif(TEST_DATABASE_URL is None, reason="SQLite has no server to wait for")
TASKS = "/api/v1/tasks"
SLEEP = sa.text("SELECT pg_sleep(60)")
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'"
BOUND = (
    5  # seconds: the one that is set, another until we give up, another for the cancelling, and two for this machine
)


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server for this module."""
    if not Postgres.program("initdb"):
        unavailable("PostgreSQL's initdb")
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def url(server):
    """The URL of an empty database on the server."""
    return f"{server.new_database()}?connect_timeout=2"


@pytest.fixture(scope="module")
def app(make_app, url):
    """An application with a database timeout of one second."""
    app = make_app(DATABASE_URL=url, DATABASE_TIMEOUT_SECONDS=1, DATABASE_POOL_SIZE=4)
    with app.app_context():
        upgrade(revision="heads")
    return app


def taken(act):
    """Return the result of a function, and how many seconds it took."""
    started = time.monotonic()
    return act(), time.monotonic() - started


def is_unavailable(response):
    return (response.status_code, response.json["code"]) == (503, "unavailable")


def sleeping(app):
    with app.app_context():
        return reader().execute(sa.text(SLEEPING)).scalar_one()


def another(app, owner):
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {owner.token}"
    return client


def test_frozen_database_fails_requests_only_while_frozen(app, server, owner, task):
    acts = [lambda c: c.get(TASKS), lambda c: c.post(TASKS, json={"title": "Task"})] * 6
    with ThreadPoolExecutor(len(acts)) as pool:
        server.freeze()
        try:
            responses = list(pool.map(lambda act: taken(lambda: act(another(app, owner))), acts))
        finally:
            server.thaw()
    assert all(is_unavailable(response) for response, _ in responses)
    assert max(seconds for _, seconds in responses) < BOUND
    assert [owner.get(f"{TASKS}/{task['id']}").status_code for _ in range(8)] == [200] * 8


def test_slow_read_is_cancelled_on_the_server(app):
    with app.test_request_context(), pytest.raises(OperationalError):
        reader().execute(SLEEP)
    wait_until(lambda: sleeping(app) == 0, BOUND)


def test_slow_write_is_cancelled_by_the_server(app):
    with app.test_request_context(), pytest.raises(OperationalError, match="statement timeout"):
        db.session.execute(SLEEP)
    assert sleeping(app) == 0


def test_writer_waits_for_a_lock_only_for_the_timeout(app, server, owner, task):
    with app.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE tombstones DISABLE TRIGGER USER")  # takes a lock, and keeps it
        response, seconds = taken(lambda: owner.delete(f"{TASKS}/{task['id']}?permanent=true"))
    assert is_unavailable(response)
    assert seconds < BOUND
    assert owner.delete(f"{TASKS}/{task['id']}?permanent=true").status_code == 204


def test_abandoned_request_holds_its_locks_at_most_30_s(app):
    show = sa.text("SHOW idle_in_transaction_session_timeout")
    with app.test_request_context():
        assert db.session.execute(show).scalar_one() == "30s"


def test_command_has_no_statement_timeout(app):
    with app.app_context():
        for connection in (reader(), db.session):
            assert connection.execute(sa.text("SELECT 1 FROM pg_sleep(2.2)")).scalar_one() == 1


def test_connection_closed_while_idle_is_not_used(app, server, owner):
    owner.post(TASKS, json={"title": "Task"})
    ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname LIKE 'taskapi%'"
    server.execute(ended)  # and waits until they are
    assert owner.get(TASKS).status_code == 200
    assert owner.post(TASKS, json={"title": "Task"}).status_code == 201


@pytest.mark.parametrize("engine", [None, READER])
def test_process_opens_at_most_its_number_of_connections(app, engine):
    with app.app_context():
        db.engines[engine].dispose()  # and with it what is kept
        pool = db.engines[engine].pool
        taken_ = [pool.connect() for _ in range(8)]
        with pytest.raises(sa.exc.TimeoutError):
            pool.connect()
    for connection in taken_:
        connection.close()
    assert pool.checkedin() == 4


def test_forked_workers_share_no_connection(app, server, url, tmp_path):
    environment = {"TASKAPI_DATABASE_URL": url, "TASKAPI_INSTANCE_PATH": str(tmp_path)}
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    with Gunicorn(environment, tmp_path, "--preload", "--workers", "2") as gunicorn:
        wait_until(lambda: len(gunicorn.workers()) == 2)
        count = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        with app.app_context():
            assert reader().execute(count).scalar_one() == 1
