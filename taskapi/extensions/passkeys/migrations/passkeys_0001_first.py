"""Passkeys, and the challenges that were used."""

import sqlalchemy as sa
from alembic import op

revision = "passkeys_0001"
down_revision = None
branch_labels = ("passkeys",)
depends_on = "0001"

ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "passkeys",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("credential_id", sa.LargeBinary(length=1023), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_passkeys_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkeys_credential_id")),
    )
    op.create_index(op.f("ix_passkeys_user_id"), "passkeys", ["user_id"])
    op.create_table(
        "used_passkey_challenges",
        sa.Column("nonce", sa.String(length=22), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_used_passkey_challenges")),
    )
    op.create_index(op.f("ix_used_passkey_challenges_expires_at"), "used_passkey_challenges", ["expires_at"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("used_passkey_challenges")
    op.drop_table("passkeys")
