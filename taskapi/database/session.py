"""The base of all models, and the session that units of work are written by."""

from contextlib import suppress
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from flask import has_request_context
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, MetaData, Text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as TimeoutError_
from sqlalchemy.orm import DeclarativeBase, registry, scoped_session

from taskapi.config import settings
from taskapi.context import current_g
from taskapi.database.types import UtcDateTime

MIGRATIONS = str(Path(__file__).parents[1] / "migrations")


class Base(DeclarativeBase):
    """The base of all models."""

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
        type_annotation_map={datetime: UtcDateTime, str: Text},
    )


def writer() -> Connection:
    """Return this context's connection for writing, in a transaction that ends with `db.session.commit()`.

    What the session does is in that transaction too; what needs no session is done without, in a third of the time.
    Raises TimeoutError of SQLAlchemy when the transaction of a request has taken `database_transaction_seconds`.
    """
    here = current_g()
    connection: Connection | None = here.get("writer")
    if connection is None:
        connection = here.writer = db.engine.connect()
    if not connection.in_transaction():
        connection.begin()
        here.write_until = monotonic() + settings().database_transaction_seconds if has_request_context() else inf
    elif monotonic() > here.write_until:
        raise TimeoutError_("the transaction takes too long")
    return connection


def active_writer() -> Connection | None:
    """Return the connection for writing, where its transaction has begun."""
    connection: Connection | None = current_g().get("writer")
    return connection if connection is not None and connection.in_transaction() else None


class WriterSession(Session):
    """A session that works in the writer's transaction."""

    def get_bind(self, *_: Any, **__: Any) -> Connection:
        """Return the writer."""
        return writer()


class Work(scoped_session[Session]):
    """The context's session, and what is done without it in its transaction. None is made only to end that."""

    def commit(self) -> None:
        """Keep all that was done."""
        try:
            if self.registry.has() and self().in_transaction():
                super().commit()
            if connection := active_writer():
                connection.commit()
        except BaseException:
            with suppress(DBAPIError):
                self._undo()
            _give_up()
            raise
        _give_back()

    def rollback(self) -> None:
        """Undo all that was done."""
        self._undo()
        _give_back()

    def _undo(self) -> None:
        if self.registry.has():
            super().rollback()


def _give_up() -> None:
    """Close the connection, whose transaction did not end: nobody else may find themselves in it."""
    if connection := current_g().pop("writer", None):
        connection.invalidate()
        connection.close()


def _give_back() -> None:
    """Leave the connection to others, until there is more to write."""
    if (connection := current_g().pop("writer", None)) is not None:
        connection.close()


SESSION: Final = {"class_": WriterSession, "join_transaction_mode": "control_fully", "expire_on_commit": False}
db = SQLAlchemy(model_class=Base, disable_autonaming=True, session_options=SESSION)
db.session = Work(db.session.session_factory, db.session.registry.scopefunc)
migrate = Migrate(directory=MIGRATIONS)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


def now() -> datetime:
    """Return this instant, in UTC."""
    return datetime.now(UTC)
