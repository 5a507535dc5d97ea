"""The base class of all models, and the connections and the session of a request."""

from contextlib import suppress
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from flask import has_request_context
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, MetaData, Text, bindparam
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, registry, scoped_session

from taskapi.config import settings
from taskapi.context import current_g
from taskapi.database.types import Id, UtcDateTime

MIGRATIONS = str(Path(__file__).parents[1] / "migrations")
READER = "reader"


class Base(DeclarativeBase):
    """The base class of all models."""

    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={datetime: UtcDateTime, str: Text, UUID: Id},
    )


def reader() -> Connection:
    """Return this context's connection for reading: each statement is its own transaction and waits for no writer."""
    context = current_g()
    connection: Connection | None = context.get("reader")
    if connection is None:
        connection = context.reader = db.engines[READER].connect()
    return connection


def writer() -> Connection:
    """Return this context's connection for writing, in a transaction that ends with `db.session.commit()`.

    The session uses the same transaction. Statements that need no session run on the connection, three times as fast.
    Raises SQLAlchemy's TimeoutError if the transaction of a request takes longer than `database_transaction_seconds`.
    """
    context = current_g()
    connection: Connection | None = context.get("writer")
    if connection is None:
        connection = context.writer = db.engine.connect()
    if not connection.in_transaction():
        connection.begin()
        context.write_until = monotonic() + settings().database_transaction_seconds if has_request_context() else inf
    elif monotonic() > context.write_until:
        raise PoolTimeoutError("the transaction takes too long")
    return connection


def active_writer() -> Connection | None:
    """Return the connection for writing if its transaction has begun, or None."""
    connection: Connection | None = current_g().get("writer")
    return connection if connection is not None and connection.in_transaction() else None


def set_rls_user(user_id: UUID) -> None:
    """Set the user whose rows PostgreSQL shows to the following transactions of this context: see `row_security`."""
    current_g().rls = user_id


def _rls_owner() -> UUID:
    owner: UUID | None = current_g().get("rls")
    if owner is None:
        raise LookupError("no user is set whose rows can be read: see rls_user")
    return owner


# The owner in sub-selects of models: the user whose rows the context reads. Each table in a statement has a condition
# with a parameter, because Citus rejects a sub-select that takes the owner from the statement around it
OWNER: Final = bindparam("owner_id", type_=Id(), callable_=_rls_owner)


class WriterSession(Session):
    """A session that uses the connection and the transaction of the writer."""

    def get_bind(self, *_: Any, **__: Any) -> Connection:
        """Return the writer, for every model."""
        return writer()


class UnitOfWork(scoped_session[Session]):
    """The session of the context. It commits and rolls back the writer too, even if no session was created."""

    def commit(self) -> None:
        """Commit the session and the writer, and return the writer to the pool."""
        try:
            if self.registry.has() and self().in_transaction():
                super().commit()
            if connection := active_writer():
                connection.commit()
        except BaseException:
            with suppress(DBAPIError):
                self._undo()
            _invalidate_writer()
            raise
        _release_writer()

    def rollback(self) -> None:
        """Roll back the session and the writer, and return the writer to the pool."""
        self._undo()
        _release_writer()

    def _undo(self) -> None:
        if self.registry.has():
            super().rollback()


def _invalidate_writer() -> None:
    """Close the writer after a failed commit, so that no other request gets a connection with an open transaction."""
    if connection := current_g().pop("writer", None):
        connection.invalidate()
        connection.close()


def _release_writer() -> None:
    """Return the writer to the pool, so that other requests can write."""
    if (connection := current_g().pop("writer", None)) is not None:
        connection.close()


def return_connections(_error: BaseException | None) -> None:
    """Return the connections of the context to their pools. Uncommitted changes are rolled back."""
    context = current_g()
    if (connection := context.pop("reader", None)) is not None:
        connection.close()
    if (connection := context.pop("writer", None)) is not None:
        try:
            db.session.remove()
            connection.close()
        except DBAPIError:  # the connection is lost; the response is already made
            db.session().invalidate()


SESSION: Final = {"class_": WriterSession, "join_transaction_mode": "control_fully", "expire_on_commit": False}
db = SQLAlchemy(model_class=Base, disable_autonaming=True, session_options=SESSION)
db.session = UnitOfWork(db.session.session_factory, db.session.registry.scopefunc)
migrate = Migrate(directory=MIGRATIONS)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


def now() -> datetime:
    """Return the current instant in UTC."""
    return datetime.now(UTC)
