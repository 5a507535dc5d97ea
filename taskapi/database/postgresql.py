"""PostgreSQL: every transaction says for whom it acts, in a round trip that is made anyway; no request waits for ever.

The driver begins nothing by itself (AUTOCOMMIT). A unit of work begins with BEGIN and its settings as one query. A read
stands alone, and goes out together with BEGIN, the setting and COMMIT in a pipeline; one that names no owned table
needs none of these.
"""

import select
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from itertools import count
from typing import Any, Final, Self
from uuid import UUID

import psycopg
from flask import has_request_context
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait
from sqlalchemy import Boolean, Connection, Dialect, Engine, Integer, event
from sqlalchemy.exc import InvalidatePoolError

from taskapi.config import Settings
from taskapi.database.acting import acting, concerns_owners
from taskapi.database.prepared import send

DRIVER: Final = "postgresql+psycopg"
IDLE_SECONDS: Final = 30  # how long a transaction of a request may do nothing, holding what it has locked
CANCEL_SECONDS: Final = 1
MOST_KEPT: Final = 100  # prepared statements of a connection, each of which takes memory of the server's
NUMBERS: Final = count()
STALE: Final = (FeatureNotSupported, InvalidSqlStatementName)  # said of what was prepared for tables that have changed
# A server that has gone without a word is given up before long; an address may say otherwise, as ?connect_timeout=2
LIBPQ: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


class Bounded(psycopg.Connection[Any]):
    """A connection that a request does not wait for longer than `patience` seconds at a time; a command may."""

    patience: float
    kept: dict[bytes, bytes]  # names of prepared statements; the one that was used last is the last

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server. One that does not answer in time is told to stop, and given up."""
        if timeout is not None or not has_request_context():
            return super().wait(gen, interval, timeout)
        started = time.monotonic()
        try:
            return super().wait(gen, interval, self.patience)
        except psycopg.OperationalError:
            if time.monotonic() - started >= self.patience:
                self._give_up()
            raise

    def ask(self, statement: bytes, values: Sequence[bytes | None], setting: bytes = b"") -> PGresult:
        """Run a statement by libpq alone, in a fifth of the time that the driver's own ways take; values are text.

        It stands alone, with its setting if there is one, in one round trip; or in the transaction that has begun.
        """
        if name := self._name_of(statement):
            asking = partial(self.pgconn.send_query_prepared, name, values)
        else:
            asking = partial(self.pgconn.send_query_params, statement, values)
        if not setting or self.pgconn.transaction_status != TransactionStatus.IDLE:
            return self._talk(asking)[0]
        begin, tell, commit = (
            partial(self.pgconn.send_query_params, words, None) for words in (b"BEGIN", setting, b"COMMIT")
        )
        try:
            return self._talk(begin, tell, asking, commit)[2]
        except BaseException:
            if not self.closed:
                self.rollback()
            raise

    def rollback(self) -> None:
        """End the transaction, if there is one; the driver would have the server forget what was prepared too."""
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            self._talk(partial(self.pgconn.send_query_params, b"ROLLBACK", None))

    def _name_of(self, statement: bytes) -> bytes:
        """Return the name by which the server has kept a statement; none, where it may be another one the next time."""
        if self.prepare_threshold is None:
            return b""
        name = self.kept.pop(statement, b"")
        if not name:
            if len(self.kept) >= MOST_KEPT:
                self._talk(partial(self.pgconn.send_close_prepared, self.kept.pop(next(iter(self.kept)))))
            name = b"taskapi_%d" % next(NUMBERS)
            self._talk(partial(self.pgconn.send_prepare, name, statement))
        self.kept[statement] = name
        return name

    def _talk(self, *messages: Callable[[], None]) -> list[PGresult]:
        """Send messages in one go, and return the answers. Raises the first error among them."""
        try:
            self.pgconn.enter_pipeline_mode()
            for send_message in messages:
                send_message()
            self.pgconn.pipeline_sync()
            answers: list[PGresult] = self.wait(_answers(self.pgconn))
            self.pgconn.exit_pipeline_mode()
        except BaseException:
            self.close()
            raise
        for answer in answers:
            if answer.status == ExecStatus.FATAL_ERROR:
                error = error_from_result(answer)
                if isinstance(error, STALE):
                    self.close()
                raise error
        if len(answers) < len(messages):
            self.close()
            raise psycopg.OperationalError("the connection is lost")
        return answers

    def _give_up(self) -> None:
        if self.pgconn.transaction_status == TransactionStatus.ACTIVE and psycopg.capabilities.has_cancel_safe():
            with suppress(psycopg.Error):
                self.cancel_safe(timeout=CANCEL_SECONDS)
        self.close()


def _answers(pgconn: PGconn) -> Generator[Wait, Ready, list[PGresult]]:
    """Take in what is answered, up to the end of the pipeline or of the connection."""
    while pgconn.flush():
        if (yield Wait.RW) & Ready.R:
            pgconn.consume_input()
    answers: list[PGresult] = []
    while True:
        while pgconn.is_busy():
            yield Wait.R
            pgconn.consume_input()
        answer = pgconn.get_result()
        if answer is not None and answer.status != ExecStatus.PIPELINE_SYNC:
            answers.append(answer)
        elif answer is not None or pgconn.status == ConnStatus.BAD:
            return answers


class Form:
    """A prepared statement in the words of PostgreSQL."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        kind: Any = type(dialect)
        compiled = statement.compile(dialect=kind(paramstyle="numeric_dollar"))
        self.sql = str(compiled)
        self._in = [(name, compiled.binds[name].effective_value) for name in compiled.positiontup]
        self._out = [*enumerate(map(_way_out, getattr(statement, "exported_columns", ())))]
        self._is_guarded = concerns_owners(self.sql)

    def values(self, parameters: Mapping[str, Any]) -> list[bytes | None]:
        """Return the parameters as the server reads them."""
        return [_text(parameters.get(name, default)) for name, default in self._in]

    def run(self, driver: Bounded, values: Sequence[bytes | None]) -> list[list[Any]]:
        """Return the rows."""
        found = driver.ask(self.sql.encode(), values, acting().encode() if self._is_guarded else b"")
        return [
            [None if (text := found.get_value(row, place)) is None else way(text) for place, way in self._out]
            for row in range(found.ntuples)
        ]


def _text(value: Any) -> bytes | None:
    """Return a parameter as text that the server reads as of the right type."""
    if value is None:
        return None
    if isinstance(value, UUID):
        return value.hex.encode()
    return (value.isoformat() if isinstance(value, date) else str(value)).encode()


def _way_out(column: Any) -> Callable[[bytes], Any]:
    if isinstance(column.type, Boolean):
        return b"t".__eq__
    return int if isinstance(column.type, Integer) else bytes.decode


class Cursor(psycopg.Cursor[Any]):
    """What SQLAlchemy talks by."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Run a statement. A connection whose tables have changed under what was prepared is given up."""
        try:
            return super().execute(query, params, **options)
        except STALE:
            self.connection.close()
            raise


class Reading(Cursor):
    """What SQLAlchemy reads by."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Read for whom the context says. What fails leaves no transaction behind, and with it no setting.

        The driver asks for types of its own by what is no text.
        """
        setting, connection = acting(), self.connection
        if not setting or not connection.autocommit or not isinstance(query, str) or not concerns_owners(query):
            return super().execute(query, params, **options)
        try:
            with connection.pipeline() as pipeline:
                _put(pipeline, connection, "BEGIN")
                _put(pipeline, connection, setting)
                super().execute(query, params, **options)
                _put(pipeline, connection, "COMMIT")
        except BaseException as error:
            if isinstance(error, STALE):
                connection.close()
            if not connection.closed:
                connection.rollback()
            raise
        return self


def _put(pipeline: psycopg.Pipeline, connection: psycopg.Connection[Any], statement: str) -> None:
    """Let a statement go out with the next one; a cursor of its own would send it by itself."""
    pipeline.command_queue.append(partial(connection.pgconn.send_query_params, statement.encode(), None))
    pipeline.result_queue.append(None)  # nobody's, but looked at for errors


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
    event.listen(writer, "begin", partial(_begin, "; ".join(limits)))


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


def _look(connection: Bounded, _record: Any, _proxy: Any) -> None:
    """Look whether an idle connection has been ended: then it has something to say. Cheaper than a ping by far."""
    try:
        if _is_readable(connection.fileno()):
            connection.execute("")
    except psycopg.Error as error:
        raise InvalidatePoolError(str(error)) from error


def _is_readable(descriptor: int) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _begin(limits: str, connection: Connection) -> None:
    """Begin a unit of work: one query of several statements, which the driver must never prepare."""
    if "isolation_level" in connection.get_execution_options():
        return  # a migration, which has the driver begin, or nobody
    words = ("BEGIN", acting(), limits if has_request_context() else "")
    send(connection, "; ".join(filter(None, words)), prepare=False)
