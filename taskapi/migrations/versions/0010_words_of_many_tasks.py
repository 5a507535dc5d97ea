"""SQLite's index of words holds the tasks of those alone who have many: who has few is searched as fast without.

To keep it in step took a quarter of the time of adding a task. While somebody's counter says that there are more than
500, all their tasks are in it: it is caught up as the counter passes that. What was in it once stays, kept in step.
A later batch migration of the counters or the tasks must make their triggers again.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CATCH_UP = """
    INSERT INTO task_search_rows (owner_id, task_id)
    SELECT owner_id, id FROM tasks WHERE {those} AND NOT EXISTS (
        SELECT 1 FROM task_search_rows WHERE owner_id = tasks.owner_id AND task_id = tasks.id
    );
"""
OF_MANY = "(SELECT tasks FROM change_counters WHERE owner_id = {row}.owner_id) > 500"
INSERT = """
    CREATE TRIGGER task_search_insert AFTER INSERT ON tasks {when} BEGIN
        INSERT INTO task_search_rows (owner_id, task_id) VALUES (NEW.owner_id, NEW.id);
    END
"""
TRIGGERS = (
    """
    CREATE TRIGGER task_search_add AFTER INSERT ON task_search_rows BEGIN
        INSERT INTO task_search (rowid, words)
        SELECT NEW.number, words FROM tasks WHERE owner_id = NEW.owner_id AND id = NEW.task_id;
    END
    """,
    f"""
    CREATE TRIGGER task_search_catch_up AFTER UPDATE OF tasks ON change_counters
    WHEN OLD.tasks <= 500 AND NEW.tasks > 500 BEGIN
        {CATCH_UP.format(those="owner_id = NEW.owner_id")}
    END
    """,
    """
    CREATE TRIGGER task_search_update AFTER UPDATE OF words ON tasks WHEN OLD.words <> NEW.words BEGIN
        INSERT INTO task_search (task_search, rowid, words) SELECT 'delete', number, OLD.words
        FROM task_search_rows WHERE owner_id = OLD.owner_id AND task_id = OLD.id;
        INSERT INTO task_search (rowid, words) SELECT number, NEW.words
        FROM task_search_rows WHERE owner_id = NEW.owner_id AND task_id = NEW.id;
    END
    """,
    """
    CREATE TRIGGER task_search_delete AFTER DELETE ON tasks BEGIN
        INSERT INTO task_search (task_search, rowid, words) SELECT 'delete', number, OLD.words
        FROM task_search_rows WHERE owner_id = OLD.owner_id AND task_id = OLD.id;
        DELETE FROM task_search_rows WHERE owner_id = OLD.owner_id AND task_id = OLD.id;
    END
    """,
)


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name != "sqlite":
        return
    _drop("add", "catch_up", "insert", "update", "delete")
    op.execute("INSERT INTO task_search (task_search) VALUES ('delete-all')")
    op.execute("DELETE FROM task_search_rows")
    for trigger in (*TRIGGERS, INSERT.format(when=f"WHEN {OF_MANY.format(row='NEW')}")):
        op.execute(trigger)
    op.execute(CATCH_UP.format(those=OF_MANY.format(row="tasks")))


def downgrade() -> None:
    """Take back: each task is in the index again; that the triggers do it by other steps changes nothing."""
    if op.get_bind().dialect.name != "sqlite":
        return
    _drop("catch_up", "insert")
    op.execute(INSERT.format(when=""))
    op.execute(CATCH_UP.format(those="true"))


def _drop(*names: str) -> None:
    for name in names:
        op.execute(f"DROP TRIGGER IF EXISTS task_search_{name}")
