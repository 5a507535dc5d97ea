"""The audit log, and the triggers that refuse to change it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# REPLACE removes the old row without the DELETE trigger's knowledge; hence the one on INSERT
SQLITE = {
    "keep": "BEFORE DELETE ON audit_entries",
    "keep_same": "BEFORE UPDATE ON audit_entries WHEN NOT EXISTS (SELECT 1 FROM audit_openings)",
    "keep_first": "BEFORE INSERT ON audit_entries WHEN EXISTS (SELECT 1 FROM audit_entries WHERE id = NEW.id)",
}
POSTGRESQL = """
CREATE FUNCTION audit_entries_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND EXISTS (SELECT 1 FROM audit_openings) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER audit_entries_keep BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION audit_entries_keep();
CREATE TRIGGER audit_entries_keep_all BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_keep();
"""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=256), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_at_id"), "audit_entries", ["at", "id"])
    op.create_index(op.f("ix_audit_entries_event_at_id"), "audit_entries", ["event", "at", "id"])
    op.create_index(op.f("ix_audit_entries_actor_id_at_id"), "audit_entries", ["actor_id", "at", "id"])
    op.create_index(op.f("ix_audit_entries_subject_id_at_id"), "audit_entries", ["subject_id", "at", "id"])
    op.create_table(
        "audit_openings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("never", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1 AND never = 2", name=op.f("ck_audit_openings_never")),
        sa.ForeignKeyConstraint(
            ["never"],
            ["audit_openings.id"],
            name=op.f("fk_audit_openings_never"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_openings")),
    )
    if op.get_bind().dialect.name == "sqlite":
        for name, when in SQLITE.items():
            refusal = "SELECT RAISE(ABORT, 'the audit log is append-only')"
            op.execute(f"CREATE TRIGGER audit_entries_{name} {when} BEGIN {refusal}; END")
    else:
        op.execute(POSTGRESQL)


def downgrade() -> None:
    """Take back."""
    op.drop_table("audit_openings")
    op.drop_table("audit_entries")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_entries_keep")
