"""An import into a new PostgreSQL database, whose tables have no statistics yet."""

import pytest
import sqlalchemy as sa
from flask_migrate import upgrade
from task_files import TASKS, import_tasks

from taskapi.database import db

pytestmark = pytest.mark.slow

ROWS = 3_000
LABELS = ["home", "garden"]
SCANS = "SELECT pg_stat_get_xact_numscans('pk_tasks'::regclass)"


@pytest.fixture
def app(make_app, new_database):
    """An application with a database of its own, and one connection for writing."""
    app = make_app(DATABASE_URL=new_database(), DATABASE_POOL_SIZE=1)
    with app.app_context():
        if db.engine.dialect.name != "postgresql":
            pytest.skip("SQLite checks foreign keys by the primary key")
        upgrade(revision="heads")
    return app


@pytest.fixture
def key_scans(app):
    """How often each transaction has used the primary key of tasks, in the order of the transactions."""
    counts = []
    with app.app_context():
        engine = db.engine

    def count(connection):
        counts.append(connection.exec_driver_sql(SCANS).scalar())

    sa.event.listen(engine, "commit", count)
    yield counts
    sa.event.remove(engine, "commit", count)


def test_labels_are_checked_by_the_primary_key_of_tasks(owner, key_scans):
    for number in range(10):  # PostgreSQL keeps a plan from the sixth check on
        owner.post(TASKS, json={"title": str(number), "labels": LABELS})
    rows = [{"title": str(number), "labels": LABELS} for number in range(ROWS)]
    assert import_tasks(owner, rows).status_code == 200
    checks = ROWS * len(LABELS)
    assert key_scans[-1] >= checks / 2  # by the plan for the first 10 tasks, none
