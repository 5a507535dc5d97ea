"""Index password hashes, which start with their bcrypt cost: the highest cost in use is one look-up."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.get_context().autocommit_block():
        op.create_index(op.f("ix_users_password_hash"), "users", ["password_hash"], postgresql_concurrently=True)


def downgrade() -> None:
    """Take back."""
    with op.get_context().autocommit_block():
        op.drop_index(op.f("ix_users_password_hash"), table_name="users", postgresql_concurrently=True)
