"""Count the tombstones of each owner."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLES = ("change_counters", "tombstones")
COUNT = sa.text("""
    UPDATE change_counters SET
        tombstones = (SELECT count(*) FROM tombstones WHERE tombstones.owner_id = change_counters.owner_id)
""")


def upgrade() -> None:
    """Apply."""
    op.add_column("change_counters", sa.Column("tombstones", sa.Integer(), server_default="0", nullable=False))
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in TABLES if postgresql else ():
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")  # the owner of the tables counts all rows
    op.execute(COUNT)
    for table in TABLES if postgresql else ():
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    """Take back."""
    op.drop_column("change_counters", "tombstones")
