"""Count the stored answers of each owner, and their bytes."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = ("change_counters", "idempotency_keys")
MINE = "FROM idempotency_keys WHERE idempotency_keys.owner_id = change_counters.owner_id"
COUNT = sa.text(f"""
    UPDATE change_counters SET
        answers = (SELECT count(*) {MINE}),
        answer_bytes = (SELECT coalesce(sum(length(body)), 0) {MINE})
""")  # noqa: S608


def upgrade() -> None:
    """Apply."""
    op.add_column("change_counters", sa.Column("answers", sa.Integer(), server_default="0", nullable=False))
    op.add_column("change_counters", sa.Column("answer_bytes", sa.BigInteger(), server_default="0", nullable=False))
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in TABLES if postgresql else ():
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")  # the owner of the tables counts all rows
    op.execute(COUNT)
    for table in TABLES if postgresql else ():
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    """Take back."""
    op.drop_column("change_counters", "answer_bytes")
    op.drop_column("change_counters", "answers")
