"""The prune may remove audit entries that are older than the time which it gives for its transaction."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

SQLITE = """
CREATE TRIGGER audit_entries_keep BEFORE DELETE ON audit_entries {when}
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
"""
POSTGRESQL = """
CREATE OR REPLACE FUNCTION audit_entries_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND EXISTS (SELECT 1 FROM audit_openings) THEN
        RETURN NEW;
    END IF;
    {delete}
    RAISE EXCEPTION 'the audit log is append-only';
END $$
"""
DELETE = """
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM audit_openings WHERE remove_before > OLD.at) THEN
            RETURN OLD;
        END IF;
    END IF;
"""


def upgrade() -> None:
    """Apply."""
    op.add_column("audit_openings", sa.Column("remove_before", sa.DateTime(timezone=True), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_entries_keep")
        op.execute(SQLITE.format(when="WHEN NOT EXISTS (SELECT 1 FROM audit_openings WHERE remove_before > OLD.at)"))
    else:
        op.execute(POSTGRESQL.format(delete=DELETE))


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_entries_keep")
        op.execute(SQLITE.format(when=""))
    else:
        op.execute(POSTGRESQL.format(delete=""))
    op.drop_column("audit_openings", "remove_before")
