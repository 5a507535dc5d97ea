"""The check of all statements finds an owned table without its own owner, in each form that SQL has."""

import pytest
from owner_conditions import tables_without_owner

OWNED = frozenset({"tasks", "labels", "task_labels"})
MINE = "tasks.owner_id = $1"
GOOD = [
    f"SELECT tasks.id FROM tasks WHERE {MINE}",
    "SELECT tasks.id FROM tasks WHERE tasks.owner_id = %(owner_id_1)s::UUID AND tasks.id = ?",
    f"SELECT t.id FROM (SELECT tasks.id AS id FROM tasks WHERE ({MINE} AND tasks.id > ?)) AS t",
    "UPDATE tasks SET title = ? FROM (SELECT 1 AS n) AS page WHERE tasks.owner_id = ? AND tasks.id = page.id",
    "DELETE FROM tasks WHERE tasks.owner_id = ?",
    "INSERT INTO labels (owner_id, id) VALUES (?, ?)",
    "SELECT labels.id FROM task_labels LEFT OUTER JOIN labels ON labels.owner_id = ? WHERE task_labels.owner_id = ?",
    f"SELECT tasks.id FROM tasks, tasks AS above WHERE {MINE} AND above.owner_id = $1",
    f"SELECT tasks.id FROM tasks WHERE {MINE} AND (tasks.id = ? OR tasks.id = ?)",
    "SELECT users.id FROM users",
]  # fmt: skip
BAD = {
    "SELECT tasks.id FROM tasks WHERE tasks.id = ?": ["tasks"],
    "UPDATE tasks SET title = ? WHERE tasks.id = ?": ["tasks"],
    "DELETE FROM tasks": ["tasks"],
    f"SELECT tasks.id FROM tasks WHERE {MINE} OR tasks.id = ?": ["tasks"],
    f"SELECT tasks.id FROM tasks WHERE ({MINE} OR tasks.id = ?) AND tasks.id = ?": ["tasks"],
    f"SELECT tasks.id FROM tasks WHERE NOT ({MINE})": ["tasks"],
    f"SELECT count(*) FILTER (WHERE {MINE}) FROM tasks": ["tasks"],
    f"SELECT tasks.id FROM tasks WHERE {MINE} UNION ALL SELECT labels.id FROM labels": ["labels"],
    "WITH RECURSIVE tree AS (SELECT tasks.id FROM tasks JOIN tree ON tasks.id = tree.id) SELECT * FROM tree": ["tasks"],
    "INSERT INTO labels (owner_id) SELECT tasks.owner_id FROM tasks WHERE tasks.id = ?": ["tasks"],
    f"SELECT (SELECT count(*) FROM labels WHERE labels.owner_id = tasks.owner_id) FROM tasks WHERE {MINE}": ["labels"],
    f"SELECT * FROM tasks JOIN task_labels ON task_labels.owner_id = tasks.owner_id WHERE {MINE}": ["task_labels"],
    f"SELECT tasks.id FROM tasks JOIN tasks AS above ON above.id = tasks.parent_id WHERE {MINE}": ["tasks"],
}  # fmt: skip


@pytest.mark.parametrize("statement", GOOD)
def test_statement_with_all_owners_passes(statement):
    assert tables_without_owner(statement, OWNED) == []


@pytest.mark.parametrize(("statement", "tables"), BAD.items())
def test_statement_without_an_owner_is_found(statement, tables):
    assert tables_without_owner(statement, OWNED) == tables
