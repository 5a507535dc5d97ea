"""The database: engines, the base of all models, and types that mean the same on SQLite and PostgreSQL."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from flask import Flask, g
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ARRAY, JSON, Connection, Dialect, Engine, MetaData, Text, event, make_url, text
from sqlalchemy import DateTime as SqlDateTime
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session, registry
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from taskapi.config import Settings
from taskapi.prepared import Prepared

READER = "reader"
BUSY_SECONDS = 5  # how long a writer waits for its turn
EMBEDDED = "taskapi.db"
_BEGIN_IMMEDIATE = Prepared(text("BEGIN IMMEDIATE"))
EXACT = Text().with_variant(Text(collation="C"), "postgresql")  # code points in order, as on SQLite
INTERNAL = {"internal": True}  # a column's info: nothing that its owner would call theirs
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


class NameList(FunctionElement[list[str]]):
    """The rows of a scalar subselect, whose column is called `name`, as a list in their order."""

    type: TypeEngine[list[str]] = JSON[list[str]]().with_variant(ARRAY(Text), "postgresql")
    inherit_cache = True


@compiles(NameList, "sqlite")
def _name_list(element: NameList, compiler: Any, **options: Any) -> str:
    names = compiler.process(element.clauses, **options)
    return f"(SELECT json_group_array(name) FROM {names})"  # noqa: S608 - compiled, with its parameters bound


@compiles(NameList, "postgresql")
def _name_array(element: NameList, compiler: Any, **options: Any) -> str:
    return f"ARRAY{compiler.process(element.clauses, **options)}"


class JsonObject(FunctionElement[dict[str, Any]]):
    """Names and values by turns, as an object."""

    type: TypeEngine[dict[str, Any]] = JSON[dict[str, Any]]()
    inherit_cache = True


@compiles(JsonObject, "sqlite")
def _json_object(element: JsonObject, compiler: Any, **options: Any) -> str:
    return f"json_object({compiler.process(element.clauses, **options)})"


@compiles(JsonObject, "postgresql")
def _json_build_object(element: JsonObject, compiler: Any, **options: Any) -> str:
    return f"json_build_object({compiler.process(element.clauses, **options)})"


def only(condition: str) -> dict[str, Any]:
    """Return the options of an index that holds only the rows that meet the condition."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


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


def reader() -> Connection:
    """Return this request's connection for reading: every statement stands alone, and waits for no writer."""
    connection: Connection | None = g.get("reader")
    if connection is None:
        connection = g.reader = db.engines[READER].connect()
    return connection


def writer() -> Connection:
    """Return the connection of the session's transaction, which begins with it."""
    session = db.session()
    connection: Connection | None = session.info.get("connection")
    return connection or session.connection()


def _keep_connection(session: Session, _transaction: Any, connection: Connection) -> None:
    session.info["connection"] = connection


def _forget_connection(session: Session, *_: Any) -> None:
    session.info.pop("connection", None)


event.listen(Session, "after_begin", _keep_connection)
event.listen(Session, "after_transaction_end", _forget_connection)


@contextmanager
def snapshot() -> Iterator[Connection]:
    """Yield a connection for reading that sees all of the database as it is now, however long the reading takes."""
    with db.engines[READER].connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
            yield connection


def _close_reader(_error: BaseException | None) -> None:
    if (connection := g.pop("reader", None)) is not None:
        connection.close()


def _close_session(_error: BaseException | None) -> None:
    """Give the session up, before Flask-SQLAlchemy does; the answer is made, even if the connection is gone by now."""
    try:
        db.session.remove()
    except DBAPIError:
        db.session().invalidate()


def init_database(app: Flask, settings: Settings) -> None:
    """Bind the application to its database: one engine for units of work, one for reading."""
    url = make_url(settings.database_url or f"sqlite:///{Path(app.instance_path) / EMBEDDED}")
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
    app.teardown_appcontext(_close_session)
    with app.app_context():
        if settings.embedded:
            Path(app.instance_path, EMBEDDED).touch(mode=0o600)  # what SQLite puts beside it is given the same mode
        if url.get_backend_name() == "sqlite":
            _prepare_sqlite(db.engine, db.engines[READER])


def _prepare_sqlite(writer: Engine, reading: Engine) -> None:
    """Writers begin IMMEDIATE: a read that turned into a write would fail at once, whatever the timeout."""
    event.listen(writer, "connect", _configure_sqlite)
    event.listen(reading, "connect", _configure_sqlite)
    turn = Lock()
    event.listen(writer, "begin", partial(_begin_immediate, turn))
    event.listen(writer, "commit", partial(_end_turn, turn))
    event.listen(writer, "rollback", partial(_end_turn, turn))


def _begin_immediate(turn: Lock, connection: Connection) -> None:
    """Wait among our own threads first: SQLite lets writers ask again and again, and the unlucky wait too long."""
    connection.info["turn"] = turn.acquire(timeout=BUSY_SECONDS)
    try:
        _BEGIN_IMMEDIATE.all(connection, {})
    except BaseException:
        _end_turn(turn, connection)
        raise


def _end_turn(turn: Lock, connection: Connection) -> None:
    if connection.info.pop("turn", False):
        turn.release()


def _configure_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}")
