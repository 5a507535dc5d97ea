"""An index of the words in tasks, by trigrams, which the database itself keeps in step.

SQLite's full-text tables know a row by a number that a table with our keys has not, so another one gives the numbers.
A later batch migration of the tasks rebuilds their table, and must make the triggers again.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NUMBER = "(SELECT number FROM task_search_rows WHERE owner_id = {row}.owner_id AND task_id = {row}.id)"
ADD = f"INSERT INTO task_search (rowid, words) VALUES ({NUMBER.format(row='NEW')}, NEW.words);"  # noqa: S608
REMOVE = (
    "INSERT INTO task_search (task_search, rowid, words) "  # noqa: S608
    f"VALUES ('delete', {NUMBER.format(row='OLD')}, OLD.words);"
)
SQLITE = (
    """
    CREATE TABLE task_search_rows (
        number INTEGER PRIMARY KEY, owner_id CHAR(32) NOT NULL, task_id CHAR(32) NOT NULL, UNIQUE (owner_id, task_id)
    )
    """,
    "CREATE VIRTUAL TABLE task_search USING fts5 (words, content = '', tokenize = 'trigram')",
    f"""
    CREATE TRIGGER task_search_insert AFTER INSERT ON tasks BEGIN
        INSERT INTO task_search_rows (owner_id, task_id) VALUES (NEW.owner_id, NEW.id);
        {ADD}
    END
    """,  # noqa: S608
    f"""
    CREATE TRIGGER task_search_update AFTER UPDATE OF words ON tasks WHEN OLD.words <> NEW.words BEGIN
        {REMOVE}
        {ADD}
    END
    """,
    f"""
    CREATE TRIGGER task_search_delete AFTER DELETE ON tasks BEGIN
        {REMOVE}
        DELETE FROM task_search_rows WHERE owner_id = OLD.owner_id AND task_id = OLD.id;
    END
    """,  # noqa: S608
    "INSERT INTO task_search_rows (owner_id, task_id) SELECT owner_id, id FROM tasks",
    """
    INSERT INTO task_search (rowid, words) SELECT number, words
    FROM task_search_rows JOIN tasks ON tasks.owner_id = task_search_rows.owner_id AND tasks.id = task_id
    """,
)
POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX task_search ON tasks USING gin (words gin_trgm_ops)",
)


def upgrade() -> None:
    """Apply."""
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Take back; the extension stays, since others may use it."""
    if op.get_bind().dialect.name == "sqlite":
        for event in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER task_search_{event}")
        op.execute("DROP TABLE task_search")
        op.execute("DROP TABLE task_search_rows")
    else:
        op.execute("DROP INDEX task_search")
