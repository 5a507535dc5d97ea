"""PostgreSQL itself keeps the rows of users apart: also from statements that do not name an owner."""

from uuid import UUID

import pytest
import sqlalchemy as sa
from conftest import TEST_DATABASE_URL

from taskapi.database import db, rls_status, rls_user

pytestmark = pytest.mark.skipif(TEST_DATABASE_URL is None, reason="SQLite has no row-level security")

OWNERS = sa.text("SELECT owner_id FROM tasks")


@pytest.fixture
def users(signed_in):
    """The ids of two users who have a task each."""
    clients = signed_in(), signed_in()
    for client in clients:
        assert client.post("/api/v1/tasks", json={"title": "The first one"}).status_code == 201
    return [UUID(client.get("/api/v1/me").json["id"]) for client in clients]


def test_each_table_with_owners_has_policy(app):
    """The role of the tests must be no superuser, because policies do not bind superusers."""
    with app.app_context(), db.engine.connect() as connection:
        assert rls_status(connection) == (True, "in force")


def test_statement_without_owner_sees_only_own_rows(app, users):
    """Each transaction sees the rows of its user, and without a user none."""
    with app.app_context():
        assert db.session.execute(OWNERS).scalars().all() == []
        for user in users:
            with rls_user(user):
                assert {*db.session.execute(OWNERS).scalars()} == {user}


def test_rows_of_another_user_cannot_be_deleted(app, users):
    """A statement that names another owner finds no row."""
    mine, theirs = users
    with app.app_context():
        with rls_user(mine):
            statement = sa.text("DELETE FROM tasks WHERE owner_id = :owner")
            assert db.session.execute(statement, {"owner": theirs}).rowcount == 0
        with rls_user(theirs):
            assert len(db.session.execute(OWNERS).all()) == 1
