"""A connection to PostgreSQL: no request waits for it for ever, and what is prepared goes by libpq alone.

The driver begins nothing by itself (AUTOCOMMIT). BEGIN and the settings of a unit of work go out with its first
statement, in a pipeline. A read stands alone, and goes out together with BEGIN, the setting and COMMIT; one that names
no owned table needs none of these.
"""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, Final, Self

import psycopg
from flask import has_request_context
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

from taskapi.database.row_security import current_rls_statement, needs_rls

CANCEL_SECONDS: Final = 1
MOST_KEPT: Final = 100  # prepared statements of a connection, each of which takes memory of the server's
NUMBERS: Final = count()
STALE: Final = (FeatureNotSupported, InvalidSqlStatementName)  # said of what was prepared for tables that have changed


class Bounded(psycopg.Connection[Any]):
    """A connection that a request does not wait for longer than `patience` seconds at a time; a command may."""

    patience: float
    kept: dict[bytes, bytes]  # names of prepared statements; the one that was used last is the last
    opening: tuple[str, ...] = ()  # of a unit of work that has begun, and of which the server has not been told

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

    def ask(self, statement: bytes, values: Sequence[bytes | None], settings: Sequence[bytes] = ()) -> PGresult:
        """Run a statement by libpq alone, in a fifth of the time that the driver's own ways take; values are text.

        It stands alone, with its settings if there are any, or in the unit of work that has begun: in one round trip.
        """
        if name := self._name_of(statement):
            asking = partial(self.pgconn.send_query_prepared, name, values)
        else:
            asking = partial(self.pgconn.send_query_params, statement, values)
        if self.opening or not settings or self.pgconn.transaction_status != TransactionStatus.IDLE:
            return self._talk_on(asking)[-1]
        begin, *tell, commit = map(self.saying, (b"BEGIN", *settings, b"COMMIT"))
        try:
            return self._talk(begin, *tell, asking, commit)[-2]
        except BaseException:
            if not self.closed:
                self.rollback()
            raise

    def open(self) -> None:
        """Tell the server of the unit of work that has begun, if it does not know yet."""
        if self.opening:
            self._talk_on()

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Return a cursor; by what ways of the driver's it will go, nobody knows."""
        self.open()
        return super().cursor(*args, **kwargs)

    def rollback(self) -> None:
        """End the transaction, if there is one; the driver would have the server forget what was prepared too."""
        self.opening = ()
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            self._talk(self.saying(b"ROLLBACK"))

    def saying(self, words: bytes) -> Callable[[], None]:
        """Return what sends a statement that has no parameters, when it is called."""
        return partial(self.pgconn.send_query_params, words, None)

    def _talk_on(self, *messages: Callable[[], None]) -> list[PGresult]:
        """Send messages, with what the server is still to be told of the unit of work; until it knows, at each call."""
        answers = self._talk(*(self.saying(words.encode()) for words in self.opening), *messages)
        self.opening = ()
        return answers

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


class Cursor(psycopg.Cursor[Any]):
    """What SQLAlchemy talks by; it may have been made before a unit of work began."""

    connection: Bounded

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Run a statement. A connection whose tables have changed under what was prepared is given up."""
        try:
            self.connection.open()
            return super().execute(query, params, **options)
        except STALE:
            self.connection.close()
            raise

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        """Run a statement for many rows."""
        self.connection.open()
        super().executemany(query, params_seq, **options)


class Reading(Cursor):
    """What SQLAlchemy reads by."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Read for whom the context says. What fails leaves no transaction behind, and with it no setting.

        The driver asks for types of its own by what is no text.
        """
        setting, connection = current_rls_statement(), self.connection
        if not setting or not connection.autocommit or not isinstance(query, str) or not needs_rls(query):
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


def _put(pipeline: psycopg.Pipeline, connection: Bounded, statement: str) -> None:
    """Let a statement go out with the next one; a cursor of its own would send it by itself."""
    pipeline.command_queue.append(connection.saying(statement.encode()))
    pipeline.result_queue.append(None)  # nobody's, but looked at for errors
