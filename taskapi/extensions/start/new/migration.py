"""The table of the new project's resource: the function is added to the first revision."""

import sqlalchemy as sa
from alembic import op


def _create_tasks() -> None:
    """Create tasks."""
    op.create_table(
        "tasks",
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_tasks_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("owner_id", "id", name="pk_tasks"),
    )
    op.create_index("ix_tasks_owner_id_version", "tasks", ["owner_id", "version"], unique=True)
