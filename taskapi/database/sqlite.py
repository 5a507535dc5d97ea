"""SQLite: many concurrent readers, and one writer at a time."""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any, Final

from flask import has_request_context
from sqlalchemy import BindParameter, Connection, DateTime, Dialect, Engine, event

from taskapi.config import Settings
from taskapi.database.statements import run_script

DRIVER: Final = "sqlite"
BUSY_SECONDS: Final = 5  # how long a writer waits for writers in other processes
PROGRESS_STEPS: Final = 10_000  # steps of SQLite's virtual machine between two checks of the time
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
    event.listen(writer, "connect", _configure)
    event.listen(reading, "connect", _configure)
    event.listen(writer, "begin", partial(run_script, sql="BEGIN IMMEDIATE"))
    event.listen(writer, "begin", partial(_limit, settings.database_transaction_seconds))


def _limit(seconds: int, connection: Connection) -> None:
    """Stop the statement of a request when its transaction exceeds `seconds`, because all other writers wait for it."""
    driver: Any = connection.connection.driver_connection
    if has_request_context():
        until = monotonic() + seconds
        driver.set_progress_handler(lambda: monotonic() > until, PROGRESS_STEPS)
    else:
        driver.set_progress_handler(None, 0)


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


class Form:
    """A statement as compiled for SQLite."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._parameters = [(name, *_parameter(compiled.binds[name], dialect)) for name in compiled.positiontup]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in the order of the statement, as the driver takes them."""
        return [
            convert(parameters.get(name, default)) if convert else parameters.get(name, default)
            for name, default, convert in self._parameters
        ]

    def run(self, driver: sqlite3.Connection, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return driver.execute(self.sql, self.values(parameters)).fetchall()


def _parameter(bind: BindParameter[Any], dialect: Dialect) -> tuple[Any, Any]:
    """Return the default of a parameter, and the function that converts a value for the driver, or None."""
    if isinstance(getattr(bind.type, "impl", bind.type), DateTime):
        return bind.effective_value, _instant_text
    return bind.effective_value, bind.type.dialect_impl(dialect).bind_processor(dialect)


def _instant_text(instant: datetime | None) -> str | None:
    """Return an instant as the text that SQLAlchemy stores on SQLite; five times as fast as SQLAlchemy."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if instant else None
