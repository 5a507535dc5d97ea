"""SQLite: many readers beside one writer, and writers in single file."""

import sqlite3
from functools import partial
from threading import Lock
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

from taskapi.config import Settings
from taskapi.prepared import send

DRIVER: Final = "sqlite"
BUSY_SECONDS: Final = 5  # how long a writer waits for its turn


def options(settings: Settings) -> dict[str, Any]:
    """Return the options of either engine; the connection that was used last knows most pages by heart."""
    size = settings.database_pool_size
    return {"isolation_level": "AUTOCOMMIT", "pool_size": size, "max_overflow": size, "pool_use_lifo": True}


def prepare(writer: Engine, reading: Engine, _settings: Settings) -> None:
    """Writers begin IMMEDIATE: a read that turned into a write would fail at once, whatever the timeout."""
    event.listen(writer, "connect", _configure)
    event.listen(reading, "connect", _configure)
    turn = Lock()
    event.listen(writer, "begin", partial(_begin_immediate, turn))
    event.listen(writer, "commit", partial(_end_turn, turn))
    event.listen(writer, "rollback", partial(_end_turn, turn))


def _begin_immediate(turn: Lock, connection: Connection) -> None:
    """Wait among our own threads first: SQLite lets writers ask again and again, and the unlucky wait too long."""
    connection.info["turn"] = turn.acquire(timeout=BUSY_SECONDS)
    try:
        send(connection, "BEGIN IMMEDIATE")
    except BaseException:
        _end_turn(turn, connection)
        raise


def _end_turn(turn: Lock, connection: Connection) -> None:
    if connection.info.pop("turn", False):
        turn.release()


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}")
