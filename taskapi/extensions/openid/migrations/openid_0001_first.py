"""Sign-ins that have returned from the OpenID provider."""

import sqlalchemy as sa
from alembic import op

revision = "openid_0001"
down_revision = None
branch_labels = ("openid",)
depends_on = "0001"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "openid_sign_ins",
        sa.Column("state", sa.LargeBinary(length=32), nullable=False),
        sa.Column("challenge", sa.String(length=43), nullable=False),
        sa.Column("code", sa.LargeBinary(length=32), nullable=True),
        sa.Column("code_expires_at", INSTANT, nullable=True),
        sa.Column("person", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_openid_sign_ins")),
        sa.UniqueConstraint("code", name=op.f("uq_openid_sign_ins_code")),
    )
    op.create_index(op.f("ix_openid_sign_ins_expires_at"), "openid_sign_ins", ["expires_at"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("openid_sign_ins")
