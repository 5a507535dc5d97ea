"""Sort keys of completion: `completed_at`, or the far future and the far past, so that tasks without one come last."""

import sqlalchemy as sa
from alembic import op

from taskapi.migrations.owners import each_owner

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

LIVE = sa.text("deleted_at IS NULL")
KEYS = {"completed_first": "9999-12-31 23:59:59.999999", "completed_last": "1970-01-01 00:00:00.000000"}
TASKS = sa.table(
    "tasks",
    sa.column("owner_id", sa.Uuid()),
    *(sa.column(name, sa.DateTime(timezone=True)) for name in ("completed_at", *KEYS)),
)


def upgrade() -> None:
    """Apply. The columns are committed before rows are changed, so that nobody waits for their lock meanwhile."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for name, without in KEYS.items():
        default = f"{without}+00" if postgresql else without
        op.add_column("tasks", sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=default))
    with op.get_context().autocommit_block():
        for name in KEYS:
            columns = ["owner_id", name, "id"]
            op.create_index(
                f"ix_tasks_live_{name}",
                "tasks",
                columns,
                postgresql_concurrently=True,
                sqlite_where=LIVE,
                postgresql_where=LIVE,
            )
    done = TASKS.c.completed_at
    for owner_id in each_owner():
        change = TASKS.update().where(TASKS.c.owner_id == owner_id, done.is_not(None))
        op.execute(change.values(completed_first=done, completed_last=done))


def downgrade() -> None:
    """Take back."""
    for name in KEYS:
        op.drop_index(f"ix_tasks_live_{name}", table_name="tasks")
        op.drop_column("tasks", name)
