"""Change owned rows in a revision: one owner after the other, since row-level security shows the rows of one alone."""

from collections.abc import Iterator
from uuid import UUID

import sqlalchemy as sa
from alembic import op

from taskapi.database.row_security import rls_statement

_USERS = sa.table("users", sa.column("id", sa.Uuid()))


def each_owner() -> Iterator[UUID]:
    """Yield the id of each user, and let PostgreSQL show and take that user's rows meanwhile."""
    connection = op.get_bind()
    guarded = connection.dialect.name == "postgresql"
    for owner_id in connection.execute(sa.select(_USERS.c.id).order_by(_USERS.c.id)).scalars().all():
        if guarded:
            op.execute(rls_statement(owner_id))
            op.execute("SET LOCAL row_security = on")
        yield owner_id
    if guarded:
        op.execute("SET LOCAL taskapi.user_id = ''")
        op.execute("SET LOCAL row_security = off")  # as env.py has it
