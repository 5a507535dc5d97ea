"""Projects, labels, and tasks under tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


LIVE = {"sqlite_where": sa.text("deleted_at IS NULL"), "postgresql_where": sa.text("deleted_at IS NULL")}
TRASH = {"sqlite_where": sa.text("deleted_at IS NOT NULL"), "postgresql_where": sa.text("deleted_at IS NOT NULL")}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "labels",
        sa.Column("color", sa.String(length=7), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_labels_owner_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("owner_id", "id", name=op.f("pk_labels")),
    )
    with op.batch_alter_table("labels", schema=None) as batch_op:
        batch_op.create_index("ix_labels_names", ["owner_id", "name_key"], unique=True, **LIVE)
        batch_op.create_index(batch_op.f("ix_labels_owner_id_version"), ["owner_id", "version"], unique=True)
        batch_op.create_index("ix_labels_trash", ["owner_id", "deleted_at"], unique=False, **TRASH)

    op.create_table(
        "projects",
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_projects_owner_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("owner_id", "id", name=op.f("pk_projects")),
    )
    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.create_index("ix_projects_names", ["owner_id", "name_key"], unique=True, **LIVE)
        batch_op.create_index(batch_op.f("ix_projects_owner_id_version"), ["owner_id", "version"], unique=True)
        batch_op.create_index("ix_projects_trash", ["owner_id", "deleted_at"], unique=False, **TRASH)

    op.create_table(
        "task_labels",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("label_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "label_id"],
            ["labels.owner_id", "labels.id"],
            name=op.f("fk_task_labels_owner_id_label_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id", "task_id"],
            ["tasks.owner_id", "tasks.id"],
            name=op.f("fk_task_labels_owner_id_task_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("owner_id", "task_id", "label_id", name=op.f("pk_task_labels")),
    )
    with op.batch_alter_table("task_labels", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_task_labels_owner_id_label_id_task_id"), ["owner_id", "label_id", "task_id"], unique=False
        )

    with op.batch_alter_table("change_counters", schema=None) as batch_op:
        batch_op.add_column(sa.Column("purged", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("tasks", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("projects", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("labels", sa.Integer(), nullable=False, server_default="0"))

    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("project_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("parent_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("deleted_with", sa.Uuid(), nullable=True))
        batch_op.drop_index(batch_op.f("ix_tasks_owner_id_created_at_id"))
        batch_op.drop_index(batch_op.f("ix_tasks_owner_id_due_first_id"))
        batch_op.drop_index(batch_op.f("ix_tasks_owner_id_due_last_id"))
        batch_op.drop_index(batch_op.f("ix_tasks_owner_id_priority_rank_id"))
        batch_op.drop_index(batch_op.f("ix_tasks_owner_id_title_key_id"))
        batch_op.drop_index(batch_op.f("ix_tasks_owner_id_updated_at_id"))
        batch_op.create_index("ix_tasks_live_created_at", ["owner_id", "created_at", "id"], unique=False, **LIVE)
        batch_op.create_index("ix_tasks_live_due_first", ["owner_id", "due_first", "id"], unique=False, **LIVE)
        batch_op.create_index("ix_tasks_live_due_last", ["owner_id", "due_last", "id"], unique=False, **LIVE)
        batch_op.create_index("ix_tasks_live_priority_rank", ["owner_id", "priority_rank", "id"], unique=False, **LIVE)
        batch_op.create_index("ix_tasks_live_title_key", ["owner_id", "title_key", "id"], unique=False, **LIVE)
        batch_op.create_index("ix_tasks_live_updated_at", ["owner_id", "updated_at", "id"], unique=False, **LIVE)
        batch_op.create_index(batch_op.f("ix_tasks_owner_id_parent_id"), ["owner_id", "parent_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_tasks_owner_id_version"), ["owner_id", "version"], unique=True)
        batch_op.create_index("ix_tasks_project", ["owner_id", "project_id", "deleted_at", "status"], unique=False)
        batch_op.create_index("ix_tasks_trash", ["owner_id", "deleted_at"], unique=False, **TRASH)
        batch_op.create_foreign_key(
            batch_op.f("fk_tasks_owner_id_parent_id"), "tasks", ["owner_id", "parent_id"], ["owner_id", "id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_tasks_owner_id_project_id"), "projects", ["owner_id", "project_id"], ["owner_id", "id"]
        )

    op.execute("UPDATE tasks SET deleted_with = id WHERE deleted_at IS NOT NULL")
    counted = "SELECT count(*) FROM tasks WHERE tasks.owner_id = change_counters.owner_id"
    op.execute(f"UPDATE change_counters SET tasks = ({counted})")  # noqa: S608 - no text from outside


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_tasks_owner_id_project_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_tasks_owner_id_parent_id"), type_="foreignkey")
        batch_op.drop_index("ix_tasks_trash", **TRASH)
        batch_op.drop_index("ix_tasks_project")
        batch_op.drop_index(batch_op.f("ix_tasks_owner_id_version"))
        batch_op.drop_index(batch_op.f("ix_tasks_owner_id_parent_id"))
        batch_op.drop_index("ix_tasks_live_updated_at", **LIVE)
        batch_op.drop_index("ix_tasks_live_title_key", **LIVE)
        batch_op.drop_index("ix_tasks_live_priority_rank", **LIVE)
        batch_op.drop_index("ix_tasks_live_due_last", **LIVE)
        batch_op.drop_index("ix_tasks_live_due_first", **LIVE)
        batch_op.drop_index("ix_tasks_live_created_at", **LIVE)
        batch_op.create_index(
            batch_op.f("ix_tasks_owner_id_updated_at_id"), ["owner_id", "updated_at", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_tasks_owner_id_title_key_id"), ["owner_id", "title_key", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_tasks_owner_id_priority_rank_id"), ["owner_id", "priority_rank", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_tasks_owner_id_due_last_id"), ["owner_id", "due_last", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_tasks_owner_id_due_first_id"), ["owner_id", "due_first", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_tasks_owner_id_created_at_id"), ["owner_id", "created_at", "id"], unique=False
        )
        batch_op.drop_column("deleted_with")
        batch_op.drop_column("parent_id")
        batch_op.drop_column("project_id")

    with op.batch_alter_table("change_counters", schema=None) as batch_op:
        batch_op.drop_column("labels")
        batch_op.drop_column("projects")
        batch_op.drop_column("tasks")
        batch_op.drop_column("purged")

    op.drop_table("task_labels")
    op.drop_table("projects")
    op.drop_table("labels")
