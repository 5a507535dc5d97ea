"""Search for tasks, and the full-text index of SQLite."""

import sqlalchemy as sa

from taskapi.database import READER, db


def find(owner, q, **query):
    response = owner.get("/api/v1/tasks", query_string={"q": q, **query})
    assert response.status_code == 200, response.text
    return [item["title"] for item in response.json["items"]]


def raise_task_count(client, more):
    """On SQLite, add to the user's counter of tasks, which decides whether the user's tasks are indexed."""
    mine = "owner_id = (SELECT id FROM users WHERE username = :username)"
    counted = sa.text(f"UPDATE change_counters SET tasks = tasks + :more WHERE {mine}")
    with client.application.app_context():
        if db.engine.dialect.name == "sqlite":
            db.session.execute(counted, {"more": more, "username": client.username})
            db.session.commit()


def count_in_index(app, word):
    """Return the number of tasks with a word in the full-text index of SQLite."""
    found = sa.text("SELECT count(*) FROM task_search WHERE task_search MATCH :word")
    with app.app_context(), db.engines[READER].connect() as connection:
        return connection.execute(found, {"word": f'"{word}"'}).scalar_one()
