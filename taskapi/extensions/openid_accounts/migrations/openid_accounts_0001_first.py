"""Identities at the OpenID provider, and their accounts."""

import sqlalchemy as sa
from alembic import op

revision = "openid_accounts_0001"
down_revision = None
branch_labels = ("openid_accounts",)
depends_on = "0001"

ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "openid_identities",
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("linked_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_openid_identities_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_openid_identities")),
        sa.UniqueConstraint("user_id", "issuer", name=op.f("uq_openid_identities_user_id_issuer")),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("openid_identities")
