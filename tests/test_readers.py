"""Connections for reading: borrowed from their pool for a request, within the pool's bounds."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from taskapi.database import READER, db, reader

TASKS = "/api/v1/tasks"


@pytest.fixture
def app(make_app):
    """An application whose pool keeps one connection for reading, and opens one more when needed."""
    return make_app(DATABASE_POOL_SIZE=1, DATABASE_TIMEOUT_SECONDS=1)


@pytest.fixture
def engine(app):
    with app.app_context():
        return db.engines[READER]


def borrow(app, stack):
    """Borrow a connection until the stack ends."""
    stack.enter_context(app.app_context())
    return reader().connection.driver_connection


def test_consecutive_requests_read_on_one_connection(owner, engine):
    created = []
    sa.event.listen(engine, "connect", lambda connection, *_: created.append(connection))
    for _ in range(5):
        assert owner.get(TASKS).status_code == 200
    assert len(created) <= 1
    assert engine.pool.checkedout() == 0


def test_pool_keeps_no_more_connections_than_its_size(app, engine):
    with ExitStack() as first, ExitStack() as second:
        assert borrow(app, first) is not borrow(app, second)
    assert (engine.pool.checkedout(), engine.pool.checkedin()) == (0, 1)


def test_waiting_request_gets_a_returned_connection(app, owner):
    with ThreadPoolExecutor(1) as threads, ExitStack() as first:
        with ExitStack() as second:
            borrow(app, first)
            borrow(app, second)
            waiting = threads.submit(owner.get, TASKS)
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
        assert waiting.result(5).status_code == 200


def test_response_is_503_when_no_connection_is_returned_in_time(app, owner):
    with ThreadPoolExecutor(1) as threads, ExitStack() as first, ExitStack() as second:
        borrow(app, first)
        borrow(app, second)
        assert threads.submit(owner.get, TASKS).result(5).status_code == 503
    assert owner.get(TASKS).status_code == 200


def test_more_threads_than_connections_are_all_served(app, owner):
    with ThreadPoolExecutor(16) as threads:
        ask = lambda _: app.test_client().get(TASKS, headers={"Authorization": f"Bearer {owner.token}"})  # noqa: E731
        assert {response.status_code for response in threads.map(ask, range(200))} == {200}
