"""Fold the stored words again: special letters, quotation marks and compatibility capitals fold differently now."""

import sqlalchemy as sa
from alembic import op

from taskapi.database.folding import fold
from taskapi.migrations.owners import each_owner
from taskapi.tasks.models import TITLE_KEY_LENGTH
from taskapi.tasks.search import folded_text

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 500
TASKS = sa.table(
    "tasks",
    sa.column("owner_id", sa.Uuid()),
    sa.column("id", sa.Uuid()),
    *(sa.column(name, sa.Text()) for name in ("title", "description", "title_key", "words")),
)


def upgrade() -> None:
    """Apply."""
    connection = op.get_bind()
    here = (TASKS.c.owner_id == sa.bindparam("owner"), TASKS.c.id == sa.bindparam("task"))
    change = TASKS.update().where(*here).values(title_key=sa.bindparam("key"), words=sa.bindparam("folded"))
    for owner_id in each_owner():
        rows = sa.select(TASKS).where(TASKS.c.owner_id == owner_id).order_by(TASKS.c.id).limit(ROWS_AT_ONCE)
        last = None
        while page := connection.execute(rows if last is None else rows.where(TASKS.c.id > last)).all():
            changed = []
            for row in page:
                title_key = fold(row.title)
                folded = (title_key[:TITLE_KEY_LENGTH], folded_text(title_key, row.description))
                if folded != (row.title_key, row.words):
                    changed.append({"owner": owner_id, "task": row.id, "key": folded[0], "folded": folded[1]})
            if changed:
                connection.execute(change, changed)
            last = page[-1].id


def downgrade() -> None:
    """Take back: what is folded further is still found."""
