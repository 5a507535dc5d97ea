"""Verified addresses, and the links that were sent."""

import sqlalchemy as sa
from alembic import op

revision = "account_mail_0001"
down_revision = None
branch_labels = ("account_mail",)
depends_on = "0001"

ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def _user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "verified_emails",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("lookup", sa.String(254), nullable=False),
        sa.Column("verified_at", INSTANT, nullable=False),
        _user("verified_emails"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_verified_emails")),
    )
    op.create_index(op.f("ix_verified_emails_lookup"), "verified_emails", ["lookup"])
    op.create_table(
        "mail_links",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("lookup", sa.String(254), nullable=False),
        sa.Column("request_id", ID, nullable=False),
        sa.Column("state", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        _user("mail_links"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_mail_links")),
    )
    for column in ("expires_at", "lookup", "user_id"):
        op.create_index(op.f(f"ix_mail_links_{column}"), "mail_links", [column])


def downgrade() -> None:
    """Undo."""
    op.drop_table("mail_links")
    op.drop_table("verified_emails")
