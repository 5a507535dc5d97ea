"""PostgreSQL: bounded connections, row-level security around each read, and prepared statements.

The driver begins no transaction by itself. A unit of work begins with one message: BEGIN and its settings. A read that
needs row-level security is one message too: its settings and the statement, which PostgreSQL runs as one transaction.
"""

import select
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, Final, Self

import psycopg
from flask import has_app_context, has_request_context
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Dialect, Engine, ExceptionContext, event
from sqlalchemy.exc import InvalidatePoolError

from taskapi.config import Settings
from taskapi.context import current_g
from taskapi.database.row_security import current_rls_statement, needs_rls
from taskapi.database.statements import ROWS, run_script

DRIVER: Final = "postgresql+psycopg"
IDLE_SECONDS: Final = 30  # how long a transaction of a request may be idle while it holds locks
CANCEL_SECONDS: Final = 1
MAX_PREPARED: Final = 100  # statements of a connection; each one uses memory of the server
NAMES: Final = (f"taskapi_{number}" for number in count())
REVALIDATION: Final = "RevalidateCachedQuery"  # of the server; every other FeatureNotSupported stays a failure
# Files of Citus whose internal errors, which have no code of their own, say that a worker was lost
LOST_WORKER: Final = {"placement_connection.c", "remote_transaction.c"}
# Detect soon that a server does not respond. The database URL can override these: ?connect_timeout=2
LIBPQ: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


class BoundedConnection(psycopg.Connection[Any]):
    """A connection on which a request waits for the server at most `max_wait` seconds at a time.

    `wait` is not in psycopg's documentation. No documented setting bounds the wait for a server that is frozen or
    unreachable. requirements.in pins psycopg; tests/test_bounded_waiting.py fails if `wait` is not called.
    """

    max_wait: float
    is_pooled: bool
    is_citus: bool
    prepared: dict[str, str]  # names of the statements that PREPARE made, by their SQL; the last used is the last
    raw: psycopg.RawCursor[Any]
    reading: "ReadCursor"

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server. If it takes too long, cancel the statement and close the connection."""
        if timeout is not None or not has_request_context():
            return super().wait(gen, interval, timeout)
        started = time.monotonic()
        try:
            return super().wait(gen, interval, self.max_wait)
        except psycopg.OperationalError:
            if time.monotonic() - started >= self.max_wait:
                self._abandon()
            raise

    def _abandon(self) -> None:
        if self.info.transaction_status == TransactionStatus.ACTIVE and psycopg.capabilities.has_cancel_safe():
            with suppress(psycopg.Error):
                self.cancel_safe(timeout=CANCEL_SECONDS)
        self.close()

    def rollback(self) -> None:
        """Roll back. The driver then deallocates its prepared statements, so ours are deallocated too."""
        if self.info.transaction_status == TransactionStatus.IDLE:
            return
        super().rollback()
        if self.prepared:
            self.execute("DEALLOCATE ALL")
            self.prepared.clear()
            super().rollback()  # DEALLOCATE has begun a transaction, unless the connection commits by itself

    def prepare(self, sql: str) -> str:
        """Prepare a statement, once for this connection, and return its name."""
        name = self.prepared.pop(sql, "")
        if not name:
            if len(self.prepared) >= MAX_PREPARED:
                self.execute(f"DEALLOCATE {self.prepared.pop(next(iter(self.prepared)))}")
            name = next(NAMES)
            self.execute(f"PREPARE {name} AS {sql}")
        self.prepared[sql] = name
        return name


class ReadCursor(psycopg.ClientCursor[Any]):
    """A cursor for single reads. It puts parameters into the SQL: a message of several statements cannot have any."""

    connection: BoundedConnection

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Read as the user of this context. The driver's own queries are not text."""
        if not self.connection.autocommit or not isinstance(query, str) or not needs_rls(query):
            return super().execute(query, params, **options)
        return self.execute_with(read_settings(), query, params)

    def execute_with(self, settings: Sequence[str], query: str, params: Any) -> Self:
        """Run a statement with settings that apply to it alone.

        The parameters are put in first: the driver caches parsed SQL, and the settings differ from user to user.
        """
        if params is not None:
            query = self.mogrify(query, params)
        if settings and self.connection.is_citus:  # it passes on the message of a SET LOCAL, not only the SET LOCAL
            with self.connection.pipeline(), self.connection.transaction():
                for setting in settings:
                    self.connection.execute(setting)
                return super().execute(query)
        super().execute("; ".join((*settings, query)))
        for _ in settings:
            self.nextset()
        return self


def read_settings() -> list[str]:
    """Return the settings of a single read: its user, and how long it may take."""
    timeout = current_g().get("statement_timeout", "") if has_app_context() else ""
    return [setting for setting in (current_rls_statement(), timeout) if setting]


class PostgresqlStatement:
    """A statement that is compiled for PostgreSQL."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        self.sql, self._parameters = _compile(statement, dialect, "numeric_dollar")
        self._client_sql, self._client_parameters = _compile(statement, dialect, "format")
        self._arguments = f"({', '.join(['%s'] * len(self._parameters))})" if self._parameters else ""
        self._needs_rls = needs_rls(self.sql)
        self._has_rows = bool(statement.exported_columns)  # cheaper than the driver's description of each result

    def set_rows(self, rows: int) -> None:
        """Set the number of rows."""
        self.sql, self._client_sql = (sql.replace(ROWS.name, str(rows)) for sql in (self.sql, self._client_sql))

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in the order of the statement."""
        return [parameters.get(name, default) for name, default in self._parameters]

    def run(self, driver: BoundedConnection, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows. Closes a connection whose prepared statements are out of date."""
        try:
            if self._needs_rls and driver.info.transaction_status == TransactionStatus.IDLE:
                return self._read(driver, parameters)
            cursor = driver.raw.execute(self.sql, self.values(parameters), prepare=True)
            return cursor.fetchall() if self._has_rows else []
        except psycopg.Error as error:
            if is_stale(error):
                driver.close()
            raise

    def _read(self, driver: BoundedConnection, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        if driver.is_pooled:  # the next transaction may use another server process, without the prepared statement
            sql, values = self._client_sql, [parameters.get(name, value) for name, value in self._client_parameters]
        else:
            sql, values = f"EXECUTE {driver.prepare(self.sql)}{self._arguments}", self.values(parameters)
        return driver.reading.execute_with(read_settings(), sql, values).fetchall()


def _compile(statement: Any, dialect: Dialect, paramstyle: str) -> tuple[str, list[tuple[str, Any]]]:
    """Return the SQL, and its parameters in order, each with its default."""
    kind: Any = type(dialect)
    compiled = statement.compile(dialect=kind(paramstyle=paramstyle))
    return str(compiled), [(name, compiled.binds[name].value) for name in compiled.positiontup]


def options(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the engine that writes, and of the one that reads."""
    size, seconds = settings.database_pool_size, settings.database_timeout_seconds
    # An export needs a second connection besides that of its request
    pool = {"pool_size": size, "max_overflow": size, "pool_timeout": seconds, "pool_use_lifo": True}
    return ({"isolation_level": "AUTOCOMMIT", **pool},) * 2


def prepare(writer: Engine, reading: Engine, settings: Settings) -> None:
    """Set up how the engines connect, check their connections and begin transactions."""
    seconds = settings.database_timeout_seconds
    event.listen(writer, "do_connect", partial(_connect, seconds, psycopg.Cursor))
    event.listen(reading, "do_connect", partial(_connect, seconds, ReadCursor))
    for engine in (writer, reading):
        event.listen(engine, "checkout", _check)
        event.listen(engine, "handle_error", _invalidate_if_stale)
    limits = (
        f"SET LOCAL statement_timeout = {seconds * 1000}",
        f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_SECONDS * 1000}",
    )
    event.listen(writer, "begin", partial(_begin, limits))


def _connect(
    seconds: int, cursor: Any, _dialect: Any, _record: Any, where: Any, parameters: dict[str, Any]
) -> BoundedConnection:
    threshold = parameters.pop("prepare_threshold", None)
    connection = BoundedConnection.connect(*where, **{**LIBPQ, **parameters}, autocommit=True, cursor_factory=cursor)
    connection.prepared = {}
    connection.raw, connection.reading = psycopg.RawCursor(connection), ReadCursor(connection)
    connection.max_wait = seconds + CANCEL_SECONDS  # the server's own limit ends a statement first
    try:
        connection.is_pooled, connection.is_citus = _kind(connection)
    except psycopg.Error:
        connection.close()
        raise
    if threshold is not None or connection.is_pooled:
        connection.prepare_threshold = threshold and int(threshold)
    return connection


def _kind(connection: BoundedConnection) -> tuple[bool, bool]:
    """Return whether a pooler such as PgBouncer may use another server process later, and whether there is Citus."""
    found = connection.execute("SELECT pg_backend_pid(), current_setting('citus.version', true) IS NOT NULL").fetchone()
    process, is_citus = found or (None, False)
    return process != connection.info.backend_pid, is_citus


def _check(connection: BoundedConnection, _record: Any, _proxy: Any) -> None:
    """Reject a connection that the server closed while it was idle; its socket is readable. Cheaper than a ping."""
    try:
        if _is_readable(connection.fileno()):
            connection.execute("")
    except psycopg.Error:
        raise InvalidatePoolError("closed by the server") from None


def _is_readable(descriptor: int) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _invalidate_if_stale(context: ExceptionContext) -> None:
    """Invalidate a connection whose prepared statements are out of date, or that lost a worker of Citus."""
    error: Any = context.original_exception
    is_lost = isinstance(error, psycopg.InternalError) and error.diag.source_file in LOST_WORKER
    if is_lost or is_stale(error):
        context.is_disconnect = True


def is_stale(error: Any) -> bool:
    """Return whether a prepared statement failed because a table has changed since, or because it is gone."""
    if isinstance(error, FeatureNotSupported):
        return error.diag.source_function == REVALIDATION
    return isinstance(error, InvalidSqlStatementName)


def _begin(limits: tuple[str, ...], connection: Connection) -> None:
    """Begin a unit of work, with its user and, in a request, its limits."""
    if "isolation_level" in connection.get_execution_options():
        return  # a migration, where the driver begins the transaction
    settings = [*filter(None, (current_rls_statement(), *(limits if has_request_context() else ())))]
    driver: Any = connection.connection.driver_connection
    if driver.is_citus:  # see execute_with
        run_script(connection, "BEGIN")
        run_script(connection, "; ".join(settings))
    else:
        run_script(connection, "; ".join(("BEGIN", *settings)))
