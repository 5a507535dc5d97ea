"""Set time zones that browsers do not know to UTC, and sort tasks that are due on a day by their owner's time zone."""

from datetime import UTC
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

from taskapi.api.fields import timezone_names
from taskapi.migrations.owners import each_owner
from taskapi.tasks.days import UTC_ZONE, due_keys

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 1_000
USERS = sa.table("users", sa.column("id", sa.Uuid()), sa.column("timezone", sa.Text()))
TASKS = sa.table(
    "tasks",
    sa.column("owner_id", sa.Uuid()),
    sa.column("id", sa.Uuid()),
    sa.column("due_date", sa.Date()),
    *(sa.column(name, sa.DateTime(timezone=True)) for name in ("due_first", "due_last")),
)


def upgrade() -> None:
    """Apply."""
    connection = op.get_bind()
    known = timezone_names()
    zones = {row.id: row.timezone for row in connection.execute(sa.select(USERS)) if row.timezone != "UTC"}
    unknown = [user_id for user_id, name in zones.items() if name not in known]
    for user_id in unknown:
        connection.execute(USERS.update().where(USERS.c.id == user_id).values(timezone="UTC"))
    _sort_days({user_id: ZoneInfo(name) for user_id, name in zones.items() if name in known})


def downgrade() -> None:
    """Take back: days end in UTC again."""
    zones = op.get_bind().execute(sa.select(USERS).where(USERS.c.timezone != "UTC"))
    _sort_days({row.id: UTC_ZONE for row in zones})


def _sort_days(zones: dict[object, ZoneInfo]) -> None:
    connection = op.get_bind()
    naive = connection.dialect.name == "sqlite"  # which stores instants in UTC, without an offset
    for owner_id in each_owner():
        zone = zones.get(owner_id)
        if zone is None:
            continue
        mine = TASKS.c.owner_id == owner_id
        days = sa.select(TASKS.c.id, TASKS.c.due_date).where(mine, TASKS.c.due_date.is_not(None)).order_by(TASKS.c.id)
        change = TASKS.update().where(mine, TASKS.c.id == sa.bindparam("task"))
        change = change.values(due_first=sa.bindparam("first"), due_last=sa.bindparam("last"))
        page = connection.execute(days.limit(ROWS_AT_ONCE)).all()
        while page:
            keys = [(row.id, due_keys(row.due_date, None, zone)) for row in page]
            instants = [(task_id, key["due_first"].replace(tzinfo=None if naive else UTC)) for task_id, key in keys]
            connection.execute(change, [{"task": id_, "first": due, "last": due} for id_, due in instants])
            page = connection.execute(days.where(TASKS.c.id > page[-1].id).limit(ROWS_AT_ONCE)).all()
