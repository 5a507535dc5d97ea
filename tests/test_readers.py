"""Connections for reading: kept from one request to the next, within the bounds of their pool."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from taskapi.database import READER, db, reader

TASKS = "/api/v1/tasks"


@pytest.fixture
def app(make_app):
    """An application of the test's own, with one connection for reading, and another where that is not enough."""
    return make_app(DATABASE_POOL_SIZE=1, DATABASE_TIMEOUT_SECONDS=1)


@pytest.fixture
def engine(app):
    with app.app_context():
        return db.engines[READER]


@pytest.fixture
def lent(engine):
    """The connections that the pool has lent, as it lends them."""
    seen = []
    sa.event.listen(engine, "checkout", lambda connection, *_: seen.append(connection))
    return seen


def reading(app, stack):
    """Read in a context that lasts as long as the stack."""
    stack.enter_context(app.app_context())
    return reader().connection.driver_connection


def test_requests_one_after_the_other_read_by_one_connection(owner, lent):
    for _ in range(5):
        assert owner.get(TASKS).status_code == 200
    assert len(lent) <= 1


def test_one_that_has_begun_something_of_sqlalchemys_goes_back_to_the_pool(app, engine, lent):
    for _ in range(2):
        with app.app_context():
            assert reader().execute(sa.text("SELECT 1")).scalar_one() == 1
        assert engine.pool.checkedout() == 0
    assert len(lent) == 2


def test_no_more_are_kept_than_the_pool_keeps(app, engine):
    with ExitStack() as first, ExitStack() as second:
        assert reading(app, first) is not reading(app, second)
    assert engine.pool.checkedout() == 1


def test_who_waits_for_one_gets_what_is_given_back(app, owner):
    with ThreadPoolExecutor(1) as threads, ExitStack() as first:
        with ExitStack() as second:
            reading(app, first)
            reading(app, second)
            waiting = threads.submit(owner.get, TASKS)
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
        assert waiting.result(5).status_code == 200


def test_where_none_gets_free_in_time_the_answer_is_503(app, owner):
    with ThreadPoolExecutor(1) as threads, ExitStack() as first, ExitStack() as second:
        reading(app, first)
        reading(app, second)
        assert threads.submit(owner.get, TASKS).result(5).status_code == 503
    assert owner.get(TASKS).status_code == 200


def test_many_more_threads_than_connections_are_all_served(app, owner):
    with ThreadPoolExecutor(16) as threads:
        ask = lambda _: app.test_client().get(TASKS, headers={"Authorization": f"Bearer {owner.token}"})  # noqa: E731
        assert {answer.status_code for answer in threads.map(ask, range(200))} == {200}


def test_what_is_kept_is_closed_with_its_pool(app, engine, owner):
    owner.get(TASKS)
    with ExitStack() as stack:
        kept = reading(app, stack)
    engine.dispose()
    with ExitStack() as stack:
        assert reading(app, stack) is not kept
    with pytest.raises(engine.dialect.dbapi.Error):
        kept.execute("SELECT 1")


def test_when_one_breaks_those_that_are_kept_are_given_up_with_it(make_app, engine):
    app = make_app(DATABASE_POOL_SIZE=2)
    with ExitStack() as breaking, ExitStack() as good:
        reading(app, breaking)
        kept = reading(app, good)
        good.close()
        kept.execute("SELECT 1")
        reader().invalidate()
    with pytest.raises(engine.dialect.dbapi.Error):
        kept.execute("SELECT 1")
