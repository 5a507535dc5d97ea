"""For whom a transaction acts: PostgreSQL shows and takes no other person's rows (row-level security).

The policies of the migrations read the two settings. They hold until the end of a transaction, and so never reach the
next person whom a connection serves. SET LOCAL, since Citus passes that on to its shards, and `set_config` not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final
from uuid import UUID

from flask import g, has_app_context
from sqlalchemy import Connection, Table, text

from taskapi.context import current_g
from taskapi.database.orm import db, writing
from taskapi.database.prepared import send

COUNTING: Final = "SET LOCAL taskapi.purpose = 'count'"
NOBODY: Final = "SET LOCAL taskapi.user_id = ''; SET LOCAL taskapi.purpose = ''"
_MAY_BYPASS = text("SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)")
_FORCED = text("SELECT relname FROM pg_class WHERE pg_table_is_visible(oid) AND relrowsecurity AND relforcerowsecurity")


def act_for(user_id: UUID) -> None:
    """Let what follows in this context act for a person, whose rows alone are there."""
    current_g().acting = setting_for(user_id)


@contextmanager
def acting_for(user_id: UUID) -> Iterator[None]:
    """Act for another person than the caller: one who is just being made, erased, or tidied up after."""
    with _changed(setting_for(user_id)):
        yield


@contextmanager
def counting() -> Iterator[None]:
    """Act for nobody, and see everybody's counters: how many rows they have, and not one of these rows."""
    with _changed(COUNTING):
        yield


def acting() -> str:
    """Return the statement that says for whom a transaction acts, which is its first; for nobody: none."""
    return str(g.get("acting", "")) if has_app_context() else ""


@lru_cache(maxsize=4096)
def setting_for(user_id: UUID) -> str:
    """Return the statement that makes a transaction act for a user."""
    return f"SET LOCAL taskapi.user_id = '{UUID(int=user_id.int)}'"  # made of a number: no text gets into it


@contextmanager
def statement_timeout(seconds: float) -> Iterator[None]:
    """Have PostgreSQL stop prepared reads that take longer."""
    current_g().timeout = f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}"  # 0 would mean no limit
    try:
        yield
    finally:
        del current_g().timeout


def reading_settings() -> list[bytes]:
    """Return the statements that precede a read which stands alone: for whom it acts, and how long it may take."""
    return [setting.encode() for setting in (acting(), g.get("timeout", "") if has_app_context() else "") if setting]


def owned_tables() -> list[Table]:
    """Return the tables whose rows have an owner."""
    return [table for table in db.metadata.sorted_tables if "owner_id" in table.c]


def guarded_tables() -> list[Table]:
    """Return the owned tables that have a policy: all but those that say otherwise."""
    return [table for table in owned_tables() if table.info.get("row_security", True)]


@lru_cache(maxsize=4096)
def concerns_owners(statement: str) -> bool:
    """Tell whether a statement names an owned table; rather once too often than not at all."""
    return any(table.name in statement for table in guarded_tables())


def row_security(connection: Connection) -> tuple[bool, str]:
    """Tell whether the database itself keeps people's rows apart, and how, or why not."""
    if connection.dialect.name != "postgresql":
        return False, "off: SQLite has none"
    if role := connection.execute(_MAY_BYPASS).scalar():
        return False, f"bypassed: the role {role} is a superuser, or has BYPASSRLS"
    forced = connection.execute(_FORCED).scalars().all()
    open_ = [table.name for table in guarded_tables() if table.name not in forced]
    return (False, f"off for {', '.join(open_)}") if open_ else (True, "in force")


@contextmanager
def _changed(setting: str) -> Iterator[None]:
    """Act otherwise for a while, in the midst of a transaction too; one that fails meanwhile is rolled back."""
    before, g.acting = acting(), setting
    try:
        _tell(setting)
        yield
        db.session.flush()
        _tell(before)
    except BaseException:
        db.session.rollback()
        raise
    finally:
        g.acting = before


def _tell(setting: str) -> None:
    """Tell it to a transaction that has begun; one that begins later is told as it begins."""
    connection = writing()
    if connection is not None and connection.dialect.name == "postgresql":
        send(connection, "; ".join(filter(None, (NOBODY, setting))), prepare=False)
