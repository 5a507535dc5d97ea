"""The denylist is keyed by user; a user's epoch may be an instant in milliseconds.

Entries of the old table name no user. Every epoch grows instead: who is signed in refreshes once, and who was signed
out, has no refresh token.
"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "denylist",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "subject", name=op.f("pk_denylist")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_denylist_owner_id"), ondelete="CASCADE"),
    )
    op.create_index(op.f("ix_denylist_expires_at"), "denylist", ["expires_at"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE users ALTER COLUMN epoch TYPE bigint")
    op.execute(sa.text("UPDATE users SET epoch = :instant").bindparams(instant=time.time_ns() // 1_000_000))
    op.drop_table("revocations")


def downgrade() -> None:
    """Take back."""
    op.create_table(
        "revocations",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("below_epoch", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_revocations")),
    )
    op.create_index(op.f("ix_revocations_expires_at"), "revocations", ["expires_at"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("UPDATE users SET epoch = 0")
        op.execute("ALTER TABLE users ALTER COLUMN epoch TYPE integer")
    op.drop_table("denylist")
