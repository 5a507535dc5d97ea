"""Old answers and tombstones are looked for owner by owner, since nobody sees those of all."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys")
    op.drop_index(op.f("ix_tombstones_deleted_at"), table_name="tombstones")
    op.create_index(op.f("ix_tombstones_owner_id_deleted_at"), "tombstones", ["owner_id", "deleted_at"])


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_tombstones_owner_id_deleted_at"), table_name="tombstones")
    op.create_index(op.f("ix_tombstones_deleted_at"), "tombstones", ["deleted_at"])
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"])
