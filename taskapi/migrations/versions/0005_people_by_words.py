"""What people are found by."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("users") as batch_op:
        batch_op.add_column(sa.Column("words", sa.Text(), nullable=True))
    users = sa.table("users", *map(sa.column, ("id", "username", "name", "email", "words")))
    for row in op.get_bind().execute(sa.select(users)).all():
        words = "\n".join(filter(None, (row.username, row.name, row.email))).casefold()
        op.execute(users.update().where(users.c.id == row.id).values(words=words))
    with op.batch_alter_table("users") as batch_op:
        batch_op.alter_column("words", nullable=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("users") as batch_op:
        batch_op.drop_column("words")
