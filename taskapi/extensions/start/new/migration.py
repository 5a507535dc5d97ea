"""The table of the new project's resource: the function is added to the first revision."""

import sqlalchemy as sa
from alembic import op

ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def _create_tasks() -> None:
    """Create tasks."""
    op.create_table(
        "tasks",
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_tasks_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("owner_id", "id", name="pk_tasks"),
    )
    op.create_index("ix_tasks_owner_id_version", "tasks", ["owner_id", "version"], unique=True)
