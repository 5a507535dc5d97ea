"""GET /me/export: everything that is stored of a user."""

import sqlalchemy as sa
from surface import tables_of_users
from test_account import events, live, person

from taskapi.database import db, reader, rls_user
from taskapi.users.models import User

ME = "/api/v1/me"
__all__ = ["person"]  # a fixture


def test_an_export_has_every_table_that_belongs_to_people(person):
    document = person.get(f"{ME}/export").json
    assert {table.name for table in tables_of_users()} - document.keys() == set()
    assert document["account"] == person.get(ME).json
    assert "created" in {entry["event"] for entry in document["activity"]}


def test_an_export_has_as_many_rows_as_there_are(app, person):
    live(person)
    document = person.get(f"{ME}/export").json
    with app.app_context(), rls_user(person.id):
        for table, owner in tables_of_users().items():
            rows = reader().execute(sa.select(sa.func.count()).select_from(table).where(owner == person.id)).scalar()
            assert len(document[table.name]) == rows


def test_an_export_holds_what_was_written_and_no_one_elses(person, task):
    mine = person.post("/api/v1/tasks", json={"title": "Mine", "description": "\u2603 “quoted”"}).json
    answer = person.get(f"{ME}/export")
    [row] = answer.json["tasks"]
    assert {name: row[name] for name in mine.keys() & row.keys()} == {
        name: mine[name] for name in mine.keys() & row.keys()
    }
    assert task["id"] not in answer.text
    assert {"owner_id", "words", "title_key", "due_first"} & row.keys() == set()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="taskapi-export.json"'
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_export_of_more_rows_than_are_read_at_once_is_whole(person, monkeypatch):
    monkeypatch.setattr("taskapi.extensions.transfer.account.ROWS_AT_ONCE", 2)
    made = [person.post("/api/v1/tasks", json={"title": f"Task {i}"}).json["id"] for i in range(5)]
    assert [row["id"] for row in person.get(f"{ME}/export").json["tasks"]] == made


def test_an_export_holds_no_secret(app, person):
    text = person.get(f"{ME}/export").text
    with app.app_context():
        hashed = db.session.execute(sa.select(User.password_hash).where(User.id == person.id)).scalar_one()
    assert hashed not in text
    assert "digest" not in text


def test_an_export_is_recorded(person):
    person.get(f"{ME}/export")
    assert events(person)[0] == "exported"
