"""SQLite: many readers beside one writer, and writers in single file."""

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
BUSY_SECONDS: Final = 5  # how long a writer waits for those of other processes
PROGRESS_STEPS: Final = 10_000  # of SQLite's virtual machine between two looks at the clock
PAGE_BYTES: Final = 2048  # of a new database; twenty pages, which a new task changes, can be undone without a file
CHECKPOINT_PAGES: Final = 4000  # a page that is written often is copied seldom; what one table of the log's index holds


def options(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the engine that writes, and of the one that reads.

    One connection writes, for which our threads wait: SQLite would let them ask again and again, the unlucky too long;
    and what one of several knows of the pages by heart is void once another has written. Of those that read, the one
    that was used last knows most.
    """
    size = settings.database_pool_size
    both = {"isolation_level": "AUTOCOMMIT", "pool_timeout": settings.database_timeout_seconds}
    alone = {"pool_size": 1, "max_overflow": 0}
    many = {"pool_size": size, "max_overflow": size, "pool_use_lifo": True}
    return {**both, **alone}, {**both, **many}


def prepare(writer: Engine, reading: Engine, settings: Settings) -> None:
    """Writers begin IMMEDIATE: a read that turned into a write would fail at once, whatever the timeout."""
    event.listen(writer, "connect", _configure)
    event.listen(reading, "connect", _configure)
    event.listen(writer, "begin", partial(run_script, sql="BEGIN IMMEDIATE"))
    event.listen(writer, "begin", partial(_limit, settings.database_transaction_seconds))


def _limit(seconds: int, connection: Connection) -> None:
    """Stop a statement of a request once its transaction has taken so long, since all other writers wait for it."""
    driver: Any = connection.connection.driver_connection
    if has_request_context():
        until = monotonic() + seconds
        driver.set_progress_handler(lambda: monotonic() > until, PROGRESS_STEPS)
    else:
        driver.set_progress_handler(None, 0)


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
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
    """A prepared statement in the words of SQLite."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._in = [(name, *_way_in(compiled.binds[name], dialect)) for name in compiled.positiontup]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Return the parameters as the driver wants them."""
        return [
            way(parameters.get(name, default)) if way else parameters.get(name, default)
            for name, default, way in self._in
        ]

    def run(self, driver: sqlite3.Connection, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return driver.execute(self.sql, self.values(parameters)).fetchall()


def _way_in(bind: BindParameter[Any], dialect: Dialect) -> tuple[Any, Any]:
    """Return a parameter's value where none is given, and what makes a value the driver's."""
    if isinstance(getattr(bind.type, "impl", bind.type), DateTime):
        return bind.effective_value, _stored
    return bind.effective_value, bind.type.dialect_impl(dialect).bind_processor(dialect)


def _stored(instant: datetime | None) -> str | None:
    """Return the text that SQLAlchemy has SQLite store of an instant, in a fifth of the time."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if instant else None
