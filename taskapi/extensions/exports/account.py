"""Account exports: all data of a user, as one JSON document.

The export finds tables by the column of their owner, so that it includes new tables. It omits columns with
`info=INTERNAL`, which only repeat others for an index, and columns of bytes, which are digests and keys.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, LargeBinary, Select, Table, bindparam, select

from taskapi.api.responses import to_json
from taskapi.audit.log import select_activity
from taskapi.audit.models import AuditEntry
from taskapi.database import db, now, snapshot
from taskapi.users.models import User
from taskapi.users.schemas import ACCOUNT

ROWS_AT_ONCE = 500
_ACCOUNT = select(*(getattr(User, name) for name in ACCOUNT.dump_fields)).where(User.id == bindparam("id"))


def export_account(user_id: UUID) -> Iterator[bytes]:
    """Yield the document in pieces of a few rows."""
    with snapshot() as connection:
        account = connection.execute(_ACCOUNT, {"id": user_id}).mappings().first()
        yield b'{"exported_at":' + to_json(now())
        yield b',"account":' + to_json(account and dict(account))
        for name, statement in _parts(user_id):
            yield b"," + to_json(name) + b":["
            yield from _rows(connection, statement)
            yield b"]"
    yield b"}"


def _parts(user_id: UUID) -> Iterator[tuple[str, Select[Any]]]:
    for table, owner in _tables_of_users().items():
        shown = [column for column in table.c if column is not owner and not _is_internal(column)]
        if shown:
            yield table.name, select(*shown).where(owner == user_id).order_by(*table.primary_key)
    yield "activity", select_activity().where(AuditEntry.subject_id == user_id).order_by(AuditEntry.at, AuditEntry.id)


def _is_internal(column: Column[Any]) -> bool:
    return bool(column.info.get("internal")) or isinstance(column.type, LargeBinary)


def _rows(connection: Connection, statement: Select[Any]) -> Iterator[bytes]:
    comma = b""
    with connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE}) as rows:
        for some in rows.partitions():
            yield comma + b",".join(to_json(dict(row._mapping)) for row in some)
            comma = b","


def _tables_of_users() -> dict[Table, Column[Any]]:
    """Return each table whose rows belong to users, with the column that names the user."""
    owners = {table: table.c.get("owner_id", table.c.get("user_id")) for table in db.metadata.sorted_tables}
    return {table: column for table, column in owners.items() if column is not None}
