"""Record on each session who refreshed it last, and who repeated a refresh."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("sessions", sa.Column("refreshed_ip", sa.String(45), nullable=True))
    op.add_column("sessions", sa.Column("refreshed_user_agent", sa.String(256), nullable=True))
    op.add_column("sessions", sa.Column("repeats", sa.Integer(), server_default="0", nullable=False))
    op.add_column("sessions", sa.Column("repeated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sessions", sa.Column("repeated_ip", sa.String(45), nullable=True))
    op.add_column("sessions", sa.Column("repeated_user_agent", sa.String(256), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("sessions", "repeated_user_agent")
    op.drop_column("sessions", "repeated_ip")
    op.drop_column("sessions", "repeated_at")
    op.drop_column("sessions", "repeats")
    op.drop_column("sessions", "refreshed_user_agent")
    op.drop_column("sessions", "refreshed_ip")
