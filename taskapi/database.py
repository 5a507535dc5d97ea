"""The database: engines, the base of all models, owned rows, and types that mean the same on SQLite and PostgreSQL."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import Flask, g
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    Connection,
    Dialect,
    Engine,
    ForeignKey,
    MetaData,
    Text,
    event,
    make_url,
    update,
)
from sqlalchemy import DateTime as SqlDateTime
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, registry
from sqlalchemy.types import TypeDecorator
from uuid_utils.compat import uuid7

from taskapi.config import Settings

READER = "reader"
MIGRATIONS = str(Path(__file__).parent / "migrations")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, in UTC on every database; SQLite would drop the offset. A naive one is a ValueError."""

    impl = SqlDateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs an offset")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


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


db = SQLAlchemy(model_class=Base, disable_autonaming=True, session_options={"expire_on_commit": False})
migrate = Migrate(directory=MIGRATIONS)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


def now() -> datetime:
    """Return this instant, in UTC."""
    return datetime.now(UTC)


class ChangeCounter(Model):
    """An owner's change numbers: the last one given out.

    Apart from the account, so that it can live on the shard of its owner's rows.
    """

    __tablename__ = "change_counters"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger, default=0)


class Owned:
    """A row that belongs to one person: its key starts with them, and its changes take their change numbers."""

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(BigInteger)


class Trashable(Owned):
    """An owned row that is thrown into the trash before it is gone for good."""

    deleted_at: Mapped[datetime | None]


def lock_owner(owner_id: UUID, numbers: int = 1) -> None:
    """Let no other writer of this owner's rows in until the end of the transaction, and take change numbers for it.

    Called before what is to be changed is read, so that what was read still holds when it is written.
    """
    session = db.session
    last = session.execute(
        update(ChangeCounter)
        .where(ChangeCounter.owner_id == owner_id)
        .values(value=ChangeCounter.value + numbers)
        .returning(ChangeCounter.value)
    ).scalar_one()
    session.info.setdefault("numbers", {})[owner_id] = iter(range(last - numbers + 1, last + 1))


def _number_changes(session: Session, _context: Any, _instances: Any) -> None:
    """Give every new or changed owned row its owner's next change number."""
    changed = [row for row in (*session.new, *session.dirty) if isinstance(row, Owned) and session.is_modified(row)]
    for row in changed:
        taken = session.info.setdefault("numbers", {})
        number = next(taken.get(row.owner_id, iter(())), None)
        if number is None:
            lock_owner(row.owner_id, len(changed))
            number = next(taken[row.owner_id])
        row.version = number
        row.updated_at = now()
        if row in session.new:
            row.created_at = row.updated_at


def _forget_numbers(session: Session, *_: Any) -> None:
    session.info.pop("numbers", None)


event.listen(Session, "before_flush", _number_changes)
event.listen(Session, "after_transaction_end", _forget_numbers)


def reader() -> Connection:
    """Return this request's connection for reading: every statement stands alone, and waits for no writer."""
    if "reader" not in g:
        g.reader = db.engines[READER].connect()
    connection: Connection = g.reader
    return connection


def _close_reader(_error: BaseException | None) -> None:
    if (connection := g.pop("reader", None)) is not None:
        connection.close()


def init_database(app: Flask, settings: Settings) -> None:
    """Bind the application to its database: one engine for units of work, one for reading."""
    url = make_url(settings.database_url or f"sqlite:///{Path(app.instance_path) / 'taskapi.db'}")
    if url.drivername in {"postgres", "postgresql"}:
        url = url.set(drivername="postgresql+psycopg")
    options: dict[str, Any] = {"hide_parameters": True}
    if url.get_backend_name() == "postgresql":
        options |= {"pool_pre_ping": True, "pool_timeout": 5, "connect_args": {"connect_timeout": 5}}
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    app.config["SQLALCHEMY_BINDS"] = {READER: {"url": url, "isolation_level": "AUTOCOMMIT", **options}}
    db.init_app(app)
    migrate.init_app(app, db)
    app.teardown_appcontext(_close_reader)
    with app.app_context():
        if url.get_backend_name() == "sqlite":
            _prepare_sqlite(db.engine, db.engines[READER])


def _prepare_sqlite(writer: Engine, reading: Engine) -> None:
    """Writers begin IMMEDIATE: a read that turned into a write would fail at once, whatever the timeout."""
    event.listen(writer, "connect", _configure_sqlite)
    event.listen(reading, "connect", _configure_sqlite)
    event.listen(writer, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))


def _configure_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 5000"):
        connection.execute(f"PRAGMA {pragma}")
