"""Row-level security: PostgreSQL itself shows and takes only the rows of the person whom a transaction acts for.

Forced, so that the role that owns the tables is subject to it too. Whoever counts sees the counters, and nothing more.
A later migration that changes owned rows would meet none: it lifts FORCE from their tables first, and puts it back.
The index of words goes: before the policy has been asked, only operators that tell nothing of rows may be, and LIKE is
none of these. No statement would use it, and it took two thirds of the time that adding a task takes the database.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OWNED = ("change_counters", "idempotency_keys", "labels", "projects", "task_labels", "tasks", "tombstones")
MINE = "owner_id = nullif(current_setting('taskapi.user_id', true), '')::uuid"
COUNTS = "current_setting('taskapi.purpose', true) = 'count'"


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in OWNED:
        op.execute(f"CREATE POLICY owner ON {table} USING ({MINE}) WITH CHECK ({MINE})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute("DROP INDEX task_search")
    op.execute(f"CREATE POLICY count ON change_counters FOR SELECT USING ({COUNTS})")


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("CREATE INDEX task_search ON tasks USING gin (words gin_trgm_ops)")
    op.execute("DROP POLICY count ON change_counters")
    for table in OWNED:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY")
        op.execute(f"DROP POLICY owner ON {table}")
