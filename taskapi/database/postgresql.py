"""PostgreSQL: how we connect and begin, and what prepared statements are in its words."""

import select
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, Final
from uuid import UUID

import psycopg
from flask import g, has_app_context, has_request_context
from sqlalchemy import Boolean, Connection, Dialect, Engine, Integer, event
from sqlalchemy.exc import InvalidatePoolError

from taskapi.config import Settings
from taskapi.database.libpq import CANCEL_SECONDS, Bounded, Cursor, Reading
from taskapi.database.row_security import current_rls_statement, needs_rls

DRIVER: Final = "postgresql+psycopg"
IDLE_SECONDS: Final = 30  # how long a transaction of a request may do nothing, holding what it has locked
# A server that has gone without a word is given up before long; an address may say otherwise, as ?connect_timeout=2
LIBPQ: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


class Form:
    """A prepared statement in the words of PostgreSQL."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        kind: Any = type(dialect)
        compiled = statement.compile(dialect=kind(paramstyle="numeric_dollar"))
        self.sql = str(compiled)
        self._in = [(name, compiled.binds[name].effective_value) for name in compiled.positiontup]
        self._out = [*enumerate(map(_way_out, getattr(statement, "exported_columns", ())))]
        self._is_guarded = needs_rls(self.sql)

    def values(self, parameters: Mapping[str, Any]) -> list[bytes | None]:
        """Return the parameters as the server reads them."""
        return [_text(parameters.get(name, default)) for name, default in self._in]

    def run(self, driver: Bounded, values: Sequence[bytes | None]) -> list[list[Any]]:
        """Return the rows."""
        found = driver.ask(self.sql.encode(), values, _read_settings() if self._is_guarded else ())
        return [
            [None if (text := found.get_value(row, place)) is None else way(text) for place, way in self._out]
            for row in range(found.ntuples)
        ]


def _read_settings() -> list[bytes]:
    """Return the settings of the transaction of one read: its user, and how long it may take."""
    timeout = g.get("statement_timeout", "") if has_app_context() else ""
    return [setting.encode() for setting in (current_rls_statement(), timeout) if setting]


def _text(value: Any) -> bytes | None:
    """Return a parameter as text that the server reads as of the right type."""
    if value is None:
        return None
    if isinstance(value, UUID):
        return value.hex.encode()
    text = value.isoformat() if isinstance(value, date) else str(value)
    if "\0" in text:
        raise psycopg.DataError("a NUL, which would end the text")
    return text.encode()


def _way_out(column: Any) -> Callable[[bytes], Any]:
    if isinstance(column.type, Boolean):
        return b"t".__eq__
    return int if isinstance(column.type, Integer) else bytes.decode


def options(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the engine that writes, and of the one that reads."""
    size, seconds = settings.database_pool_size, settings.database_timeout_seconds
    # An export reads on a connection of its own, beside its request's
    pool = {"pool_size": size, "max_overflow": size, "pool_timeout": seconds, "pool_use_lifo": True}
    return ({"isolation_level": "AUTOCOMMIT", **pool},) * 2


def prepare(writer: Engine, reading: Engine, settings: Settings) -> None:
    """Connect as said above, look at a connection before it is used, and let units of work begin by themselves."""
    seconds = settings.database_timeout_seconds
    event.listen(writer, "do_connect", partial(_connect, seconds, Cursor))
    event.listen(reading, "do_connect", partial(_connect, seconds, Reading))
    for engine in (writer, reading):
        event.listen(engine, "checkout", _look)
    limits = (
        f"SET LOCAL statement_timeout = {seconds * 1000}",
        f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_SECONDS * 1000}",
    )
    event.listen(writer, "begin", partial(_begin, limits))


def _connect(seconds: int, cursor: Any, _dialect: Any, _record: Any, where: Any, parameters: Any) -> Bounded:
    threshold = parameters.pop("prepare_threshold", None)
    connection = Bounded.connect(*where, **{**LIBPQ, **parameters}, autocommit=True, cursor_factory=cursor)
    connection.kept = {}
    connection.patience = seconds + CANCEL_SECONDS  # the server's own limit comes first, where it lives
    if threshold is not None or _is_pooled(connection):
        connection.prepare_threshold = threshold and int(threshold)
    return connection


def _is_pooled(connection: Bounded) -> bool:
    """Tell whether a pooler answers: the next transaction may meet a server that knows nothing that was prepared."""
    (process,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (None,)
    return bool(process != connection.info.backend_pid)


def has_ended(connection: Bounded) -> bool:
    """Tell whether a connection has been ended while it lay idle: then it has something to say.

    Cheaper than a ping by far.
    """
    try:
        if _is_readable(connection.fileno()):
            connection.execute("")
    except psycopg.Error:
        return True
    return False


def _look(connection: Bounded, _record: Any, _proxy: Any) -> None:
    if has_ended(connection):
        raise InvalidatePoolError("ended while it lay idle")


def _is_readable(descriptor: int) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _begin(limits: tuple[str, ...], connection: Connection) -> None:
    """Begin a unit of work; the server is told when there is something to do."""
    if "isolation_level" in connection.get_execution_options():
        return  # a migration, which has the driver begin, or nobody
    driver: Any = connection.connection.driver_connection
    driver.opening = ("BEGIN", *filter(None, [current_rls_statement()]), *(limits if has_request_context() else ()))
