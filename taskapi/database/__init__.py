"""The database: engines, the base of all models, and types that mean the same on SQLite and PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import URL, Connection, make_url

from taskapi.config import Settings
from taskapi.context import current_g
from taskapi.database.row_security import (
    current_rls_statement,
    owned_tables,
    rls_count_only,
    rls_status,
    rls_tables,
    rls_user,
)
from taskapi.database.session import (
    MIGRATIONS,
    OWNER,
    READER,
    Base,
    Model,
    db,
    migrate,
    now,
    reader,
    return_connections,
    set_rls_user,
    writer,
)
from taskapi.database.statements import (
    ROWS,
    JsonArray,
    JsonObject,
    JsonRow,
    PreparedJsonPage,
    PreparedJsonRow,
    PreparedStatement,
    limit_sqlite,
)
from taskapi.database.types import (
    CODE_POINT_TEXT,
    INTERNAL,
    NO_RLS,
    TEXT_LIST,
    Id,
    NameList,
    UtcDateTime,
    json_text,
    partial_index,
)

__all__ = [
    "CODE_POINT_TEXT", "EMBEDDED", "INTERNAL", "MIGRATIONS", "NO_RLS", "OWNER", "READER", "ROWS", "TEXT_LIST", "Base",
    "Id", "JsonArray", "JsonObject", "JsonRow", "Model", "NameList", "PreparedJsonPage", "PreparedJsonRow",
    "PreparedStatement", "UtcDateTime", "db", "init_database", "now", "owned_tables", "partial_index", "read_timeout",
    "reader", "rls_count_only", "rls_status", "rls_tables", "rls_user", "set_rls_user", "snapshot", "writer",
]  # fmt: skip

EMBEDDED = "taskapi.db"
READ_STEPS = 1_000  # steps of SQLite's virtual machine between two checks of the time


@contextmanager
def read_timeout(seconds: float) -> Iterator[None]:
    """Limit each prepared statement of the reader to `seconds`. A longer one raises OperationalError."""
    connection = reader()
    if connection.dialect.name == "postgresql":
        context = current_g()
        milliseconds = max(1, int(seconds * 1000))  # 0 would mean no limit
        context.statement_timeout = f"SET LOCAL statement_timeout = {milliseconds}"
        try:
            yield
        finally:
            del context.statement_timeout
        return
    limit_sqlite(connection, seconds, READ_STEPS)
    try:
        yield
    finally:
        limit_sqlite(connection, None, READ_STEPS)


@contextmanager
def snapshot() -> Iterator[Connection]:
    """Yield a connection whose reads all see the database as it is now, even if they take long."""
    with db.engines[READER].connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            first = "BEGIN" if connection.dialect.name == "sqlite" else current_rls_statement()
            if first:
                connection.exec_driver_sql(first)
            yield connection


def init_database(app: Flask, settings: Settings) -> None:
    """Bind the application to its database: one engine for writing, one for reading."""
    url = make_url(settings.database_url or f"sqlite:///{Path(app.instance_path) / EMBEDDED}")
    kind = _kind(url)
    url, (writing, reading) = url.set(drivername=kind.DRIVER), kind.options(settings)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    both = {"hide_parameters": True, "json_serializer": json_text}
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {**both, **writing}
    # A read leaves no transaction open, so its connection needs no rollback when it returns to the pool
    app.config["SQLALCHEMY_BINDS"] = {READER: {"url": url, "pool_reset_on_return": None, **both, **reading}}
    db.init_app(app)
    migrate.init_app(app, db)
    app.teardown_appcontext(return_connections)
    with app.app_context():
        if settings.embedded:
            Path(app.instance_path, EMBEDDED).touch(mode=0o600)  # SQLite gives its other files the same mode
        kind.prepare(db.engine, db.engines[READER], settings)


def _kind(url: URL) -> Any:
    """Return the module for a database. Imported only if needed: PostgreSQL's driver takes 0.1 s to load."""
    name = "postgresql" if url.drivername.startswith("postgres") else "sqlite"
    return import_module(f"taskapi.database.{name}")
