"""Put each subtask into the project of its parent; each row that changes gets a new version, so that clients see it.

Owner by owner, with the owner in every condition, as a distributed database needs it.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

OWNED = ("tasks", "change_counters")
TASKS = sa.table(
    "tasks",
    sa.column("owner_id", sa.Uuid()),
    sa.column("id", sa.Uuid()),
    sa.column("project_id", sa.Uuid()),
    sa.column("parent_id", sa.Uuid()),
    sa.column("version", sa.BigInteger()),
    sa.column("updated_at", sa.DateTime(timezone=True)),
)
COUNTERS = sa.table("change_counters", sa.column("owner_id", sa.Uuid()), sa.column("value", sa.BigInteger()))


def upgrade() -> None:
    """Apply."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in OWNED if postgresql else ():
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")  # the owner of the tables changes all rows
    for owner_id in _owners():
        _repair(owner_id)
    for table in OWNED if postgresql else ():
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    """Leave the rows as they are: the schema is the same, and an older version reads them as well."""


def _owners() -> list[object]:
    """Return the owners of subtasks that are in another project than their parents."""
    child, parent = TASKS.alias("child"), TASKS.alias("parent")
    same = sa.and_(parent.c.owner_id == child.c.owner_id, parent.c.id == child.c.parent_id)
    apart = child.c.project_id.is_distinct_from(parent.c.project_id)
    return list(op.get_bind().execute(sa.select(child.c.owner_id).distinct().join(parent, same).where(apart)).scalars())


def _repair(owner_id: object) -> None:
    """Give the owner's subtasks the project of the task at the top of their tree."""
    mine = TASKS.c.owner_id == owner_id
    top = sa.select(TASKS.c.id, TASKS.c.project_id).where(mine, TASKS.c.parent_id.is_(None)).cte("tree", recursive=True)
    below = sa.select(TASKS.c.id, top.c.project_id).where(mine).join(top, TASKS.c.parent_id == top.c.id)
    tree = top.union_all(below)
    apart = (
        sa.select(TASKS.c.id, tree.c.project_id)
        .where(mine, TASKS.c.project_id.is_distinct_from(tree.c.project_id))
        .join(tree, TASKS.c.id == tree.c.id)
        .order_by(TASKS.c.id)
    )
    bind, counter = op.get_bind(), COUNTERS.c.owner_id == owner_id
    rows = bind.execute(apart).all()
    last = bind.execute(sa.select(COUNTERS.c.value).where(counter)).scalar_one()
    changed = sa.update(TASKS).where(mine, TASKS.c.id == sa.bindparam("task"))
    changed = changed.values(
        project_id=sa.bindparam("project"), version=sa.bindparam("number"), updated_at=datetime.now(UTC)
    )
    numbered = [{"task": row.id, "project": row.project_id, "number": last + i} for i, row in enumerate(rows, 1)]
    bind.execute(changed, numbered)
    bind.execute(sa.update(COUNTERS).where(counter).values(value=last + len(rows)))
