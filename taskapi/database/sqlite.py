"""SQLite: many concurrent readers, and one writer at a time."""

import sqlite3
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, event

from taskapi.config import Settings
from taskapi.database.statements import limit_transaction, run_script

DRIVER: Final = "sqlite"
BUSY_SECONDS: Final = 5  # how long a writer waits for writers in other processes
PAGE_BYTES: Final = 2048  # of a new database; small, so that a new task (20 pages) rolls back without a temporary file
# Few checkpoints, so that frequently written pages are copied less often; one table of the WAL index holds 4,000 pages
CHECKPOINT_PAGES: Final = 4000


def options(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the engine that writes, and of the one that reads.

    The writing engine has one connection, and threads wait for it in the pool: SQLite itself lets them poll, which can
    take too long. With several writing connections, each write would also invalidate the page caches of the others. The
    reading pool hands out the most recently used connection first, because its page cache is the most useful.
    """
    size = settings.database_pool_size
    both = {"isolation_level": "AUTOCOMMIT", "pool_timeout": settings.database_timeout_seconds}
    alone = {"pool_size": 1, "max_overflow": 0}
    many = {"pool_size": size, "max_overflow": size, "pool_use_lifo": True}
    return {**both, **alone}, {**both, **many}


def prepare(writer: Engine, reading: Engine, settings: Settings) -> None:
    """Set up the engines. Writers begin IMMEDIATE: to upgrade a read transaction fails at once, without the timeout."""
    sqlite3.register_adapter(UUID, str)  # ids are stored as the API shows them
    event.listen(writer, "connect", _configure)
    event.listen(reading, "connect", _configure)
    event.listen(writer, "begin", partial(run_script, sql="BEGIN IMMEDIATE"))
    event.listen(writer, "begin", partial(limit_transaction, seconds=settings.database_transaction_seconds))


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins no transaction by itself
    for pragma in (
        f"page_size = {PAGE_BYTES}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}")
