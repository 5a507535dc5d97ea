"""PostgreSQL: every transaction says for whom it acts, in a round trip that is made anyway; no request waits for ever.

The driver begins nothing by itself (AUTOCOMMIT). A unit of work begins with BEGIN and its settings as one query. A read
stands alone, and goes out together with BEGIN, the setting and COMMIT in a pipeline; one that names no owned table
needs none of these.
"""

import select
import time
from contextlib import suppress
from functools import partial
from typing import Any, Final

import psycopg
from flask import has_request_context
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import InvalidatePoolError

from taskapi.config import Settings
from taskapi.database.acting import acting, concerns_owners
from taskapi.prepared import send

DRIVER: Final = "postgresql+psycopg"
IDLE_SECONDS: Final = 30  # how long a transaction of a request may do nothing, holding what it has locked
CANCEL_SECONDS: Final = 1
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

    def _give_up(self) -> None:
        if self.pgconn.transaction_status == TransactionStatus.ACTIVE and psycopg.capabilities.has_cancel_safe():
            with suppress(psycopg.Error):
                self.cancel_safe(timeout=CANCEL_SECONDS)
        self.close()


class Reading(psycopg.Cursor[Any]):
    """What reads. All reading passes here, by SQLAlchemy's ways or past them."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "Reading":
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
        except BaseException:
            if not connection.closed:
                connection.rollback()
            raise
        return self


def _put(pipeline: psycopg.Pipeline, connection: psycopg.Connection[Any], statement: str) -> None:
    """Let a statement go out with the next one; a cursor of its own would send it by itself."""
    pipeline.command_queue.append(partial(connection.pgconn.send_query_params, statement.encode(), None))
    pipeline.result_queue.append(None)  # nobody's, but looked at for errors


def options(settings: Settings) -> dict[str, Any]:
    """Return the options of either engine."""
    size, seconds = settings.database_pool_size, settings.database_timeout_seconds
    # An export reads on a connection of its own, beside its request's
    pool = {"pool_size": size, "max_overflow": size, "pool_timeout": seconds, "pool_use_lifo": True}
    return {"isolation_level": "AUTOCOMMIT", **pool}


def prepare(writer: Engine, reading: Engine, settings: Settings) -> None:
    """Connect as said above, look at a connection before it is used, and let units of work begin by themselves."""
    seconds = settings.database_timeout_seconds
    event.listen(writer, "do_connect", partial(_connect, seconds, psycopg.Cursor))
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
