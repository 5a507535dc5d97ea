"""Row-level security: PostgreSQL shows and accepts only the rows of the user whose id the transaction sets.

The policies of the migrations read two settings, `taskapi.user_id` and `taskapi.purpose`. SET LOCAL sets them until the
transaction ends, so that they never apply to the next request that uses the connection. Citus passes SET LOCAL on to
its shards, but not `set_config`. On SQLite all of this has no effect.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final
from uuid import UUID

from flask import g, has_app_context
from sqlalchemy import Connection, Table, text

from taskapi.context import current_g
from taskapi.database.session import active_writer, db
from taskapi.database.statements import run_script

COUNT_ONLY: Final = "SET LOCAL taskapi.purpose = 'count'"
NO_USER: Final = "SET LOCAL taskapi.user_id = ''; SET LOCAL taskapi.purpose = ''"
_MAY_BYPASS = text("SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)")
_FORCED = text("SELECT relname FROM pg_class WHERE pg_table_is_visible(oid) AND relrowsecurity AND relforcerowsecurity")


@contextmanager
def rls_user(user_id: UUID) -> Iterator[None]:
    """See the rows of this user, not of the caller, in the block."""
    with _changed(user_id):
        yield


@contextmanager
def rls_count_only() -> Iterator[None]:
    """See, in the block, the rows of all users in tables with a policy `count`, such as the change counters."""
    with _changed(COUNT_ONLY):
        yield


def current_rls_statement() -> str:
    """Return the statement that a transaction must start with; empty without a user."""
    rls = current_g().get("rls") if has_app_context() else None
    if rls is None:
        return ""
    return COUNT_ONLY if rls is COUNT_ONLY else rls_statement(rls)


@lru_cache(maxsize=4096)
def rls_statement(user_id: UUID) -> str:
    """Return the statement that sets the user of a transaction."""
    return f"SET LOCAL taskapi.user_id = '{UUID(int=user_id.int)}'"  # formatted from a number, so nothing is injected


def owned_tables() -> list[Table]:
    """Return the tables whose rows have an owner."""
    return [table for table in db.metadata.sorted_tables if "owner_id" in table.c]


def rls_tables() -> list[Table]:
    """Return the owned tables that have a policy: all but those that are marked `NO_RLS`."""
    return [table for table in owned_tables() if table.info.get("row_security", True)]


@lru_cache(maxsize=4096)
def needs_rls(statement: str) -> bool:
    """Return whether a statement may use a table that has a policy."""
    return any(table.name in statement for table in rls_tables())


def rls_status(connection: Connection) -> tuple[bool, str]:
    """Return whether the database enforces row-level security, and how, or why not."""
    if connection.dialect.name != "postgresql":
        return False, "off: SQLite has none"
    if role := connection.execute(_MAY_BYPASS).scalar():
        return False, f"bypassed: the role {role} is a superuser, or has BYPASSRLS"
    forced = connection.execute(_FORCED).scalars().all()
    off = [table.name for table in rls_tables() if table.name not in forced]
    return (False, f"off for {', '.join(off)}") if off else (True, "in force")


@contextmanager
def _changed(rls: UUID | str) -> Iterator[None]:
    """Use another user, or COUNT_ONLY, in the block, in an open transaction too. Roll back if the block fails."""
    before, g.rls = g.get("rls"), rls
    try:
        _apply()
        yield
        db.session.flush()
        g.rls = before
        _apply()
    except BaseException:
        db.session.rollback()
        raise
    finally:
        g.rls = before


def _apply() -> None:
    """Change the setting of the open transaction. A transaction that begins later starts with it."""
    connection = active_writer()
    if connection is not None and connection.dialect.name == "postgresql":
        run_script(connection, "; ".join(filter(None, (NO_USER, current_rls_statement()))))
