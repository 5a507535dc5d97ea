"""GET /me/export: all data of a user."""

import sqlalchemy as sa
from surface import tables_of_users
from test_account import events, live, user

from taskapi.database import db, reader, rls_user
from taskapi.users.models import User

ME = "/api/v1/me"


def exported():
    """Return the tables that an export has: those with more than digests."""
    return {
        table: owner
        for table, owner in tables_of_users().items()
        if any(column is not owner and not isinstance(column.type, sa.LargeBinary) for column in table.c)
    }


__all__ = ["user"]  # a fixture


def test_account_export_has_every_table_of_users(user):
    document = user.get(f"{ME}/export").json
    assert {table.name for table in exported()} - document.keys() == set()
    assert document["account"] == user.get(ME).json
    assert "created" in {entry["event"] for entry in document["activity"]}


def test_account_export_has_all_rows(app, user):
    live(user)
    document = user.get(f"{ME}/export").json
    with app.app_context(), rls_user(user.id):
        for table, owner in exported().items():
            rows = reader().execute(sa.select(sa.func.count()).select_from(table).where(owner == user.id)).scalar()
            assert len(document[table.name]) == rows


def test_account_export_has_only_the_own_data(user, task):
    mine = user.post("/api/v1/tasks", json={"title": "Mine", "description": "\u2603 “quoted”"}).json
    response = user.get(f"{ME}/export")
    [row] = response.json["tasks"]
    assert {name: row[name] for name in mine.keys() & row.keys()} == {
        name: mine[name] for name in mine.keys() & row.keys()
    }
    assert task["id"] not in response.text
    assert {"owner_id", "words", "title_key", "due_first"} & row.keys() == set()
    assert response.headers["Content-Disposition"] == 'attachment; filename="taskapi-export.json"'
    assert response.headers["Cache-Control"] == "no-store"


def test_account_export_of_several_chunks_is_complete(user, monkeypatch):
    monkeypatch.setattr("taskapi.extensions.exports.account.ROWS_AT_ONCE", 2)
    made = [user.post("/api/v1/tasks", json={"title": f"Task {i}"}).json["id"] for i in range(5)]
    assert [row["id"] for row in user.get(f"{ME}/export").json["tasks"]] == made


def test_account_export_has_no_secret(app, user):
    text = user.get(f"{ME}/export").text
    with app.app_context():
        hashed = db.session.execute(sa.select(User.password_hash).where(User.id == user.id)).scalar_one()
    assert hashed not in text
    assert "digest" not in text


def test_account_export_is_recorded(user):
    user.get(f"{ME}/export")
    assert events(user)[0] == "exported"
