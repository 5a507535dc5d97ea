"""Change owned rows in a revision: owner by owner, since row-level security shows the rows of one owner at a time."""

from collections.abc import Iterator
from uuid import UUID

import sqlalchemy as sa
from alembic import op

_USERS = sa.table("users", sa.column("id", sa.Uuid()))


def each_owner() -> Iterator[UUID]:
    """Yield the id of each user. Until the next one, PostgreSQL shows and accepts that user's rows."""
    connection = op.get_bind()
    guarded = connection.dialect.name == "postgresql"
    for owner_id in connection.execute(sa.select(_USERS.c.id).order_by(_USERS.c.id)).scalars().all():
        if guarded:
            setting = f"SET LOCAL taskapi.user_id = '{owner_id}'"
            op.execute(setting)
            op.execute("SET LOCAL row_security = on")
        yield owner_id
    if guarded:
        op.execute("SET LOCAL taskapi.user_id = ''")
        op.execute("SET LOCAL row_security = off")  # as env.py sets it
