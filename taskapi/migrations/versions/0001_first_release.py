"""The schema of the first release."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = ("core",)
depends_on = None

ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")

LIVE: Any = {"sqlite_where": sa.text("deleted_at IS NULL"), "postgresql_where": sa.text("deleted_at IS NULL")}
ROOTS: Any = {"sqlite_where": sa.text("parent_id IS NULL"), "postgresql_where": sa.text("parent_id IS NULL")}
SUBTASKS: Any = {
    "sqlite_where": sa.text("parent_id IS NOT NULL"),
    "postgresql_where": sa.text("parent_id IS NOT NULL"),
}
TRASH: Any = {"sqlite_where": sa.text("deleted_at IS NOT NULL"), "postgresql_where": sa.text("deleted_at IS NOT NULL")}

# The audit log is append-only, with two exceptions while audit_openings has a row, which it only has within a
# transaction of `flask prune`: `ip` and `user_agent` may become NULL, and entries before `remove_before` may be deleted
APPEND_ONLY = "the audit log is append-only"
OPEN = "EXISTS (SELECT 1 FROM audit_openings)"
OLD_ENOUGH = "EXISTS (SELECT 1 FROM audit_openings WHERE remove_before > OLD.at)"
KEPT = ("id", "at", "event", "actor_id", "subject_id", "request_id", "details")
BLANKED = ("ip", "user_agent")
CHANGE_ON_SQLITE = " AND ".join(
    [
        OPEN,
        *(f"NEW.{name} IS OLD.{name}" for name in KEPT),
        *(f"(NEW.{name} IS NULL OR NEW.{name} IS OLD.{name})" for name in BLANKED),
    ]
)
CHANGE_ON_POSTGRESQL = " AND ".join(
    [
        OPEN,
        *(f"NEW.{name}::text IS NOT DISTINCT FROM OLD.{name}::text" for name in KEPT),  # type json has no equality
        *(f"(NEW.{name} IS NULL OR NEW.{name} IS NOT DISTINCT FROM OLD.{name})" for name in BLANKED),
    ]
)
KEEP_ON_SQLITE = {
    "keep": f"BEFORE DELETE ON audit_entries WHEN NOT {OLD_ENOUGH}",
    "keep_same": f"BEFORE UPDATE ON audit_entries WHEN NOT ({CHANGE_ON_SQLITE})",
    # REPLACE removes the old row without firing the DELETE trigger
    "keep_first": "BEFORE INSERT ON audit_entries WHEN EXISTS (SELECT 1 FROM audit_entries WHERE id = NEW.id)",
}
KEEP_ON_POSTGRESQL = f"""
CREATE FUNCTION audit_entries_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF {CHANGE_ON_POSTGRESQL} THEN
            RETURN NEW;
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF {OLD_ENOUGH} THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '{APPEND_ONLY}';
END $$;
CREATE TRIGGER audit_entries_keep BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION audit_entries_keep();
CREATE TRIGGER audit_entries_keep_all BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_keep();
"""

# SQLite's full-text index of task words (FTS5, trigrams). The key of an FTS5 row is a number, and task_search_rows
# has the number of each task. Only owners with more than 500 tasks are indexed: below that a scan is as fast, and the
# index would add a quarter to the time of an insert. The tasks of an owner are added when the counter passes 500.
# A later batch migration of tasks or change_counters rebuilds the table, and must create its triggers again.
SEARCH_ON_SQLITE = (
    """
    CREATE TABLE task_search_rows (
        number INTEGER PRIMARY KEY, owner_id VARCHAR(36) NOT NULL, task_id VARCHAR(36) NOT NULL,
        UNIQUE (owner_id, task_id)
    )
    """,
    "CREATE VIRTUAL TABLE task_search USING fts5 (words, content = '', tokenize = 'trigram')",
    """
    CREATE TRIGGER task_search_add AFTER INSERT ON task_search_rows BEGIN
        INSERT INTO task_search (rowid, words)
        SELECT NEW.number, words FROM tasks WHERE owner_id = NEW.owner_id AND id = NEW.task_id;
    END
    """,
    """
    CREATE TRIGGER task_search_catch_up AFTER UPDATE OF tasks ON change_counters
    WHEN OLD.tasks <= 500 AND NEW.tasks > 500 BEGIN
        INSERT INTO task_search_rows (owner_id, task_id)
        SELECT owner_id, id FROM tasks WHERE owner_id = NEW.owner_id AND NOT EXISTS (
            SELECT 1 FROM task_search_rows WHERE owner_id = tasks.owner_id AND task_id = tasks.id
        );
    END
    """,
    """
    CREATE TRIGGER task_search_insert AFTER INSERT ON tasks
    WHEN (SELECT tasks FROM change_counters WHERE owner_id = NEW.owner_id) > 500 BEGIN
        INSERT INTO task_search_rows (owner_id, task_id) VALUES (NEW.owner_id, NEW.id);
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

# PostgreSQL shows and accepts only the rows of the user whose id the transaction sets. FORCE subjects the owner of the
# tables too. A later migration that changes rows of these tables sees none of them until it lifts FORCE.
RLS_TABLES = ("change_counters", "tombstones", "stored_responses", "projects", "labels", "tasks", "task_labels")
IS_OWNER = "owner_id = nullif(current_setting('taskapi.user_id', true), '')::uuid"
COUNTS = "current_setting('taskapi.purpose', true) = 'count'"


def upgrade() -> None:
    """Apply."""
    _create_users()
    _create_audit_log()
    _create_owner_tables()
    _create_tasks()
    if _on_sqlite():
        for statement in SEARCH_ON_SQLITE:
            op.execute(statement)
    else:
        _enable_row_security()


def downgrade() -> None:
    """Drop everything."""
    if _on_sqlite():
        op.drop_table("task_search")
        op.drop_table("task_search_rows")
    for table in (
        "task_labels", "tasks", "labels", "projects", "stored_responses", "tombstones", "change_counters",
        "audit_openings", "audit_entries", "denylist", "refresh_tokens", "sessions", "users",
    ):  # fmt: skip
        op.drop_table(table)
    if not _on_sqlite():
        op.execute("DROP FUNCTION audit_entries_keep")


def _on_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _create_users() -> None:
    """Create accounts, sessions, refresh tokens and the denylist."""
    op.create_table(
        "users",
        sa.Column("id", ID, nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("username", name="uq_users_username"),
    )
    op.create_index("ix_users_password_hash", "users", ["password_hash"])
    op.create_table(
        "sessions",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=256), nullable=True),
        sa.Column("amr", sa.JSON(), nullable=False),
        sa.Column("refreshed_ip", sa.String(length=45), nullable=True),
        sa.Column("refreshed_user_agent", sa.String(length=256), nullable=True),
        sa.Column("repeats", sa.Integer(), server_default="0", nullable=False),
        sa.Column("repeated_at", INSTANT, nullable=True),
        sa.Column("repeated_ip", sa.String(length=45), nullable=True),
        sa.Column("repeated_user_agent", sa.String(length=256), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("session_id", ID, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("spent_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_refresh_tokens_session_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name="pk_refresh_tokens"),
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])
    op.create_table(
        "denylist",
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_denylist_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("owner_id", "subject", name="pk_denylist"),
    )
    op.create_index("ix_denylist_expires_at", "denylist", ["expires_at"])


def _create_audit_log() -> None:
    """Create the audit log, and the triggers that keep its entries."""
    op.create_table(
        "audit_entries",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("actor_id", ID, nullable=True),
        sa.Column("subject_id", ID, nullable=True),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=256), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_actor_id_at_id", "audit_entries", ["actor_id", "at", "id"])
    op.create_index("ix_audit_entries_at_id", "audit_entries", ["at", "id"])
    op.create_index("ix_audit_entries_event_at_id", "audit_entries", ["event", "at", "id"])
    op.create_index("ix_audit_entries_subject_id_at_id", "audit_entries", ["subject_id", "at", "id"])
    op.create_table(
        "audit_openings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("never", sa.Integer(), nullable=False),
        sa.Column("remove_before", INSTANT, nullable=True),
        sa.CheckConstraint("id = 1 AND never = 2", name=op.f("ck_audit_openings_never")),
        sa.ForeignKeyConstraint(
            ["never"], ["audit_openings.id"], name="fk_audit_openings_never", initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("id", name="pk_audit_openings"),
    )
    if _on_sqlite():
        for name, when in KEEP_ON_SQLITE.items():
            op.execute(f"CREATE TRIGGER audit_entries_{name} {when} BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END")
    else:
        op.execute(KEEP_ON_POSTGRESQL)


def _create_owner_tables() -> None:
    """Create what the core keeps for each owner."""
    op.create_table(
        "change_counters",
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("purged", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tasks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("projects", sa.Integer(), server_default="0", nullable=False),
        sa.Column("labels", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tombstones", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stored_responses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stored_response_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_change_counters_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("owner_id", name="pk_change_counters"),
    )
    op.create_table(
        "tombstones",
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", INSTANT, nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_tombstones_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("owner_id", "id", name="pk_tombstones"),
    )
    op.create_index("ix_tombstones_owner_id_deleted_at", "tombstones", ["owner_id", "deleted_at"])
    op.create_index("ix_tombstones_owner_id_version", "tombstones", ["owner_id", "version"], unique=True)
    op.create_table(
        "stored_responses",
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_stored_responses_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("owner_id", "key", name="pk_stored_responses"),
    )


def _create_named_table(table: str, *columns: sa.Column[Any]) -> None:
    """Create a table of owned rows that have a name and a trash."""
    op.create_table(
        table,
        *columns,
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("deleted_at", INSTANT, nullable=True),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=f"fk_{table}_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("owner_id", "id", name=f"pk_{table}"),
    )
    op.create_index(f"ix_{table}_names", table, ["owner_id", "name_key"], unique=True, **LIVE)
    op.create_index(f"ix_{table}_owner_id_version", table, ["owner_id", "version"], unique=True)
    op.create_index(f"ix_{table}_trash", table, ["owner_id", "deleted_at"], **TRASH)


def _create_tasks() -> None:
    """Create projects, labels and tasks."""
    never, always = "9999-12-31 23:59:59.999999+00", "1970-01-01 00:00:00.000000+00"
    if _on_sqlite():
        never, always = "9999-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.000000Z"
    _create_named_table(
        "projects",
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
    )
    _create_named_table(
        "labels",
        sa.Column("color", sa.String(length=7), nullable=True),
    )
    op.create_table(
        "tasks",
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("completed_at", INSTANT, nullable=True),
        sa.Column("project_id", ID, nullable=True),
        sa.Column("parent_id", ID, nullable=True),
        sa.Column("position", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("deleted_with", ID, nullable=True),
        sa.Column("recurrence", sa.String(length=200), nullable=True),
        sa.Column("recurrence_from", sa.String(length=16), server_default="due", nullable=False),
        sa.Column("labels", sa.JSON().with_variant(sa.ARRAY(sa.Text()), "postgresql"), nullable=False),
        sa.Column("reminders", sa.JSON().with_variant(sa.ARRAY(sa.Text()), "postgresql"), nullable=False),
        sa.Column("next_id", ID, nullable=True),
        sa.Column("next_version", sa.BigInteger(), nullable=True),
        sa.Column("title_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("priority_rank", sa.SmallInteger(), nullable=False),
        sa.Column("due_first", INSTANT, nullable=False),
        sa.Column("due_last", INSTANT, nullable=False),
        sa.Column("completed_first", INSTANT, server_default=never, nullable=False),
        sa.Column("completed_last", INSTANT, server_default=always, nullable=False),
        sa.Column("deleted_at", INSTANT, nullable=True),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("due_date IS NULL OR due_at IS NULL", name=op.f("ck_tasks_one_due")),
        sa.CheckConstraint(
            "recurrence IS NULL OR due_date IS NOT NULL OR due_at IS NOT NULL", name=op.f("ck_tasks_recurrence_due")
        ),
        sa.ForeignKeyConstraint(
            ["owner_id", "parent_id"], ["tasks.owner_id", "tasks.id"], name="fk_tasks_owner_id_parent_id"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id", "project_id"], ["projects.owner_id", "projects.id"], name="fk_tasks_owner_id_project_id"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_tasks_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("owner_id", "id", name="pk_tasks"),
    )
    op.create_index("ix_tasks_live_completed_first", "tasks", ["owner_id", "completed_first", "id"], **LIVE)
    op.create_index("ix_tasks_live_completed_last", "tasks", ["owner_id", "completed_last", "id"], **LIVE)
    op.create_index("ix_tasks_live_created_at", "tasks", ["owner_id", "created_at", "id"], **LIVE)
    op.create_index("ix_tasks_live_due_first", "tasks", ["owner_id", "due_first", "id"], **LIVE)
    op.create_index("ix_tasks_live_due_last", "tasks", ["owner_id", "due_last", "id"], **LIVE)
    op.create_index("ix_tasks_live_priority_rank", "tasks", ["owner_id", "priority_rank", "id"], **LIVE)
    op.create_index("ix_tasks_live_title_key", "tasks", ["owner_id", "title_key", "id"], **LIVE)
    op.create_index("ix_tasks_live_updated_at", "tasks", ["owner_id", "updated_at", "id"], **LIVE)
    op.create_index("ix_tasks_owner_id_version", "tasks", ["owner_id", "version"], unique=True)
    op.create_index("ix_tasks_project", "tasks", ["owner_id", "project_id", "deleted_at", "status"])
    op.create_index("ix_tasks_roots", "tasks", ["owner_id", "position", "id"], **ROOTS)
    op.create_index("ix_tasks_siblings", "tasks", ["owner_id", "parent_id", "position", "id"], **SUBTASKS)
    op.create_index("ix_tasks_trash", "tasks", ["owner_id", "deleted_at"], **TRASH)
    op.create_table(
        "task_labels",
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("task_id", ID, nullable=False),
        sa.Column("label_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "label_id"],
            ["labels.owner_id", "labels.id"],
            name="fk_task_labels_owner_id_label_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id", "task_id"],
            ["tasks.owner_id", "tasks.id"],
            name="fk_task_labels_owner_id_task_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("owner_id", "task_id", "label_id", name="pk_task_labels"),
    )
    op.create_index("ix_task_labels_owner_id_label_id_task_id", "task_labels", ["owner_id", "label_id", "task_id"])


def _enable_row_security() -> None:
    for table in RLS_TABLES:
        op.execute(f"CREATE POLICY owner ON {table} USING ({IS_OWNER}) WITH CHECK ({IS_OWNER})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY count ON change_counters FOR SELECT USING ({COUNTS})")
