"""Searching for words, and SQLite's index of them."""

import sqlalchemy as sa

from taskapi.database import READER, db


def find(owner, q, **query):
    answer = owner.get("/api/v1/tasks", query_string={"q": q, **query})
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json["items"]]


def count_in(person, more):
    """Have SQLite's counter of somebody's tasks say so many more; PostgreSQL goes by none in searching."""
    mine = "owner_id = (SELECT id FROM users WHERE username = :username)"
    counted = sa.text(f"UPDATE change_counters SET tasks = tasks + :more WHERE {mine}")
    with person.application.app_context():
        if db.engine.dialect.name == "sqlite":
            db.session.execute(counted, {"more": more, "username": person.username})
            db.session.commit()


def in_index(app, word):
    """Return how many tasks have the word in SQLite's index."""
    found = sa.text("SELECT count(*) FROM task_search WHERE task_search MATCH :word")
    with app.app_context(), db.engines[READER].connect() as connection:
        return connection.execute(found, {"word": f'"{word}"'}).scalar_one()
