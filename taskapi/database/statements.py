"""Compiled statements: SQL that is compiled once and run on the driver, whose rows the database writes as JSON.

This is the one place that bypasses SQLAlchemy's execution. Nearly every request runs one or two of these statements.
Executing them through SQLAlchemy costs more time than the database needs to answer.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from time import monotonic
from typing import Any, Final, NamedTuple, NoReturn

import orjson
from flask import has_request_context
from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    Text,
    cast,
    exc,
    func,
    literal_column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from taskapi.database.types import UtcDateTime

# How each type is written in JSON; other types as the database writes them. Instants omit a fraction that is zero.
# Columns may be NULL
SQLITE_JSON: Final = {
    UtcDateTime: "replace({0}, '.000000Z', 'Z')",
    Boolean: "json(CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)",
    JSON: "json({0})",
}
POSTGRESQL_JSON: Final = {
    JSON: "replace({0}::text, '\n', ' ')::json",  # stored text may contain line ends, which separate rows here
    UtcDateTime: """replace(to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z')""",
}
PROGRESS_STEPS: Final = 10_000  # steps of SQLite's virtual machine between two checks of the time
ROWS: Final[Any] = literal_column("<rows>")  # in the statement of a page: the number of its rows
_LINE_END: Any = literal_column("'\n'")  # JSON on one line contains none


class PreparedStatement:
    """A statement whose rows consist of numbers, booleans and text.

    It has the same parameters at each call, so an `IN` with a list does not work.
    """

    def __init__(self, statement: Any) -> None:
        self.names: Final = tuple(column.key for column in getattr(statement, "exported_columns", ()))
        self._statement = statement
        self._compiled: dict[str, Any] = {}

    def all(self, connection: Connection, parameters: Mapping[str, Any], rows: int = 0) -> Sequence[Sequence[Any]]:
        """Return the rows; `rows` is the number for ROWS, if the statement has it. Raises SQLAlchemy's DBAPIError."""
        compiled = self.compiled_for(connection.dialect)
        if rows:
            compiled = _for_rows(compiled, rows)
        try:
            found: Sequence[Sequence[Any]] = compiled.run(connection.connection.dbapi_connection, parameters)
        except connection.dialect.loaded_dbapi.Error as error:
            _raise_as_sqlalchemy(error, connection, compiled.sql)
        return found

    def first(self, connection: Connection, parameters: Mapping[str, Any]) -> Any:
        """Return the first row as a dictionary, or None."""
        rows = self.all(connection, parameters)
        return dict(zip(self.names, rows[0], strict=True)) if rows else None

    def one(self, connection: Connection, parameters: Mapping[str, Any]) -> Any:
        """Return the first row as a dictionary. Raises NoResultFound."""
        row = self.first(connection, parameters)
        if row is None:
            raise exc.NoResultFound
        return row

    def compiled_for(self, dialect: Dialect) -> Any:
        """Return the statement, compiled for this database."""
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            kind: Any = SqliteStatement
            if dialect.name != "sqlite":  # imported only if needed: the driver takes 0.1 s to load
                kind = import_module("taskapi.database.postgresql").PostgresqlStatement
            compiled = self._compiled[dialect.name] = kind(self._statement, dialect)
        return compiled


class SqliteStatement:
    """A statement that is compiled for SQLite."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        kind: Any = type(dialect)
        compiled = statement.compile(dialect=kind(paramstyle="numeric"))  # each parameter once, as :1, :2 …
        # A parameter, because the driver keeps 128 statements of up to 100 KB. `+ 0`, because SQLite 3.48 and newer
        # prepare a statement with `LIMIT :rows` again at each call: its plan depends on the value.
        self.sql = str(compiled).replace(ROWS.name, ":rows + 0")
        self._rows = 0
        self._parameters = []
        for number, name in enumerate(compiled.positiontup, 1):
            bind = compiled.binds[name]
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            self._parameters.append((str(number), name, bind.value, convert))

    def values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters by their number in the statement, as the driver takes them."""
        values = {
            number: convert(parameters.get(name, default)) if convert else parameters.get(name, default)
            for number, name, default, convert in self._parameters
        }
        if self._rows:
            values["rows"] = self._rows
        return values

    def set_rows(self, rows: int) -> None:
        """Set the number of rows."""
        self._rows = rows

    def run(self, driver: Any, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows."""
        rows: list[tuple[Any, ...]] = driver.execute(self.sql, self.values(parameters)).fetchall()
        return rows


@dataclass(slots=True)
class JsonRow:
    """A row that the database wrote as JSON, and its version if it has one."""

    text: str
    version: int | None = None


class PreparedJsonRow(PreparedStatement):
    """A statement that returns at most one row, written as JSON by the database."""

    def __init__(self, statement: Select[Any]) -> None:
        row = statement.subquery("shown")
        version = [row.c.version] if "version" in row.c else []
        super().__init__(select(cast(JsonObject(*row.c), Text), *version))

    def first(self, connection: Connection, parameters: Mapping[str, Any]) -> JsonRow | None:
        """Return the row, or None."""
        rows = self.all(connection, parameters)
        return JsonRow(*rows[0]) if rows else None


class JsonPage(NamedTuple):
    """Rows as a JSON array, the position of the last one, and whether more rows follow."""

    items: orjson.Fragment
    last: str
    more: bool


class PreparedJsonPage(PreparedStatement):
    """A statement that returns all its rows as one text: a line of JSON for each row. Each row has a position.

    One text is one step of the driver. SQLite's driver lets another thread run after each row.

    On PostgreSQL the number of rows, ROWS, is part of the SQL. If it were a parameter, PostgreSQL would assume a tenth
    of the table, and plan each call again.
    """

    def __init__(self, json: ColumnElement[Any], position: ColumnElement[Any]) -> None:
        super().__init__(select(_in_lines(json), _in_lines(position)))

    def page(self, connection: Connection, parameters: Mapping[str, Any], limit: int) -> JsonPage:
        """Return the first `limit` rows."""
        ((text, positions),) = self.all(connection, parameters, limit + 1)
        lines = text.split("\n") if text else []
        shown = lines[:limit]
        last = positions.split("\n")[len(shown) - 1] if shown else ""
        return JsonPage(orjson.Fragment(f"[{','.join(shown)}]"), last, len(lines) > limit)


@lru_cache(maxsize=256)
def _for_rows(compiled: Any, rows: int) -> Any:
    """Return a compiled statement that returns this number of rows."""
    result = copy(compiled)
    result.set_rows(rows)
    return result


class JsonObject(FunctionElement[dict[str, Any]]):
    """Columns as a JSON object, as the schemas document them."""

    type: TypeEngine[dict[str, Any]] = JSON[dict[str, Any]]()
    inherit_cache = True


class JsonArray(FunctionElement[list[Any]]):
    """Columns as a JSON array, for cursors. SQLite's values stay as stored."""

    type: TypeEngine[list[Any]] = JSON[list[Any]]()
    inherit_cache = True


def run_script(connection: Connection, sql: str) -> None:
    """Run statements without parameters and rows on the driver. Raises SQLAlchemy's DBAPIError."""
    driver: Any = connection.connection.dbapi_connection
    try:
        driver.execute(sql)
    except connection.dialect.loaded_dbapi.Error as error:
        _raise_as_sqlalchemy(error, connection, sql)


def limit_transaction(connection: Connection, seconds: float) -> None:
    """Stop the statements of a request's transaction on SQLite after `seconds`, because all other writers wait."""
    limit_sqlite(connection, seconds if has_request_context() else None, PROGRESS_STEPS)


def limit_sqlite(connection: Connection, seconds: float | None, steps: int) -> None:
    """Stop the statements of a connection after `seconds`, checked every `steps` steps; None removes the limit."""
    driver: Any = connection.connection.dbapi_connection
    if seconds is None:
        driver.set_progress_handler(None, 0)
    else:
        until = monotonic() + seconds
        driver.set_progress_handler(lambda: monotonic() > until, steps)


def _raise_as_sqlalchemy(error: Any, connection: Connection, sql: str) -> NoReturn:
    """Raise the driver's error as the class of the same name in `sqlalchemy.exc`."""
    is_lost = connection.dialect.is_disconnect(error, connection.connection.driver_connection, None)
    if is_lost:
        with suppress(exc.DBAPIError):  # for a broken connection, SQLAlchemy invalidates it and its pool
            connection.exec_driver_sql("SELECT 1")
    names = (base.__name__ for base in type(error).__mro__)
    kind = next((getattr(exc, name) for name in names if hasattr(exc, name)), exc.DBAPIError)
    raise kind(sql, None, error, hide_parameters=True, connection_invalidated=is_lost) from error


def _in_lines(json: ColumnElement[Any]) -> ColumnElement[str]:
    """Return the JSON of all rows as one text, a line for each row, in their order; NULL without rows."""
    return func.aggregate_strings(cast(json, Text), _LINE_END)


@compiles(JsonObject, "sqlite")
def _object_on_sqlite(element: JsonObject, compiler: Any, **options: Any) -> str:
    pairs = (f"'{column.name}', {_json_value(column, SQLITE_JSON, compiler, options)}" for column in element.clauses)
    return f"json_object({', '.join(pairs)})"


@compiles(JsonObject, "postgresql")
def _object_on_postgresql(element: JsonObject, compiler: Any, **options: Any) -> str:
    quote = compiler.preparer.quote
    pairs = (
        f"{_json_value(column, POSTGRESQL_JSON, compiler, options)} AS {quote(column.name)}"
        for column in element.clauses
    )
    return f"(SELECT row_to_json(o) FROM (SELECT {', '.join(pairs)}) AS o)"  # noqa: S608 - columns of models


@compiles(JsonArray, "sqlite")
def _array_on_sqlite(element: JsonArray, compiler: Any, **options: Any) -> str:
    return f"json_array({compiler.process(element.clauses, **options)})"


@compiles(JsonArray, "postgresql")
def _array_on_postgresql(element: JsonArray, compiler: Any, **options: Any) -> str:
    values = (_json_value(value, POSTGRESQL_JSON, compiler, options) for value in element.clauses)
    return f"json_build_array({', '.join(values)})"


def _json_value(value: Any, templates: dict[Any, str], compiler: Any, options: dict[str, Any]) -> str:
    """Return the SQL of a value as it is written in JSON."""
    kind = value.type.dialect_impl(compiler.dialect)
    template = next((template for type_, template in templates.items() if isinstance(kind, type_)), "{0}")
    return template.format(compiler.process(value, **options))
