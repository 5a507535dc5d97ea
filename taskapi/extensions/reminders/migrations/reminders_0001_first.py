"""The times of reminders, and the numbers of mails."""

import sqlalchemy as sa
from alembic import op

revision = "reminders_0001"
down_revision = None
branch_labels = ("reminders",)
depends_on = "0001"

ID = sa.Uuid().with_variant(sa.String(36), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")

TABLES = ("reminder_times", "reminder_mails")
IS_OWNER = "owner_id = nullif(current_setting('taskapi.user_id', true), '')::uuid"
COUNTS = "current_setting('taskapi.purpose', true) = 'count'"
POLICIES = (
    *(f"CREATE POLICY owner ON {table} USING ({IS_OWNER}) WITH CHECK ({IS_OWNER})" for table in TABLES),
    *(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY" for table in TABLES),
    f"CREATE POLICY count ON reminder_times FOR SELECT USING ({COUNTS})",
)


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f(f"fk_{table}_owner_id"), ondelete="CASCADE")


def upgrade() -> None:
    """Create the tables, with row-level security on PostgreSQL. The sender of mails sees the times of all users."""
    op.create_table(
        "reminder_times",
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("remind_at", INSTANT, nullable=False),
        sa.Column("task_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "task_id"],
            ["tasks.owner_id", "tasks.id"],
            name=op.f("fk_reminder_times_owner_id_task_id"),
            ondelete="CASCADE",
        ),
        _owner("reminder_times"),
        sa.PrimaryKeyConstraint("owner_id", "remind_at", "task_id", name=op.f("pk_reminder_times")),
    )
    op.create_index(op.f("ix_reminder_times_remind_at"), "reminder_times", ["remind_at"])
    op.create_index(op.f("ix_reminder_times_owner_id_task_id"), "reminder_times", ["owner_id", "task_id"])
    op.create_table(
        "reminder_mails",
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        _owner("reminder_mails"),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_reminder_mails")),
    )
    if op.get_bind().dialect.name == "postgresql":
        for statement in POLICIES:
            op.execute(statement)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("reminder_mails")
    op.drop_table("reminder_times")
