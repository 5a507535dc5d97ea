"""Prepared statements: compiled once and run on the driver's own cursor, for what nearly every request runs.

SQLAlchemy's way from a statement to its rows costs more than the database's answer. What is prepared goes it once.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from sqlalchemy import JSON, BindParameter, Boolean, Connection, DateTime, Dialect, Uuid
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any]
Row = list[Any]


class Prepared:
    """A statement whose rows hold what `to_json` writes as it stands: an id may be text, a list the JSON of one.

    It has the same parameters at each call, so none that expands.
    """

    def __init__(self, statement: Any) -> None:
        self.names: Final = tuple(column.key for column in _columns(statement))
        self._statement = statement
        self._forms: dict[str, Form] = {}

    def all(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Row]:
        """Return the rows. Raises what SQLAlchemy would."""
        form = self.form_for(connection.dialect)
        driver: Any = connection.connection.driver_connection
        try:
            cursor = driver.execute(form.sql, form.values(parameters))
            rows = cursor.fetchall() if self.names else []
        except connection.dialect.loaded_dbapi.Error as error:
            raise _as_of_sqlalchemy(error, connection, form.sql) from error
        return [form.shown(row) for row in rows]

    def first(self, connection: Connection, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the first row by the names of its columns, or None."""
        rows = self.all(connection, parameters)
        return dict(zip(self.names, rows[0], strict=True)) if rows else None

    def one(self, connection: Connection, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the first row by the names of its columns. Raises NoResultFound."""
        row = self.first(connection, parameters)
        if row is None:
            raise NoResultFound
        return row

    def form_for(self, dialect: Dialect) -> "Form":
        """Return the statement as that database wants it."""
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = Form(self._statement, dialect)
        return form


class Form:
    """A statement in the words of one database, with its values' ways in and out."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        names = compiled.positiontup or list(compiled.binds)
        self._in = [(name, *_way_in(compiled.binds[name], dialect)) for name in names]
        self._keys = None if compiled.positional else [compiled.escaped_bind_names.get(name, name) for name in names]
        columns = enumerate(_columns(statement))
        self._out = [(place, way) for place, column in columns if (way := _way_out(column.type, dialect))]

    def values(self, parameters: Mapping[str, Any]) -> Any:
        """Return the parameters as the driver wants them."""
        values = [
            way(parameters.get(name, default)) if way else parameters.get(name, default)
            for name, default, way in self._in
        ]
        return values if self._keys is None else dict(zip(self._keys, values, strict=True))

    def shown(self, row: Any) -> Row:
        """Return a row of the driver's as it is shown."""
        values = list(row)
        for place, way in self._out:
            if values[place] is not None:
                values[place] = way(values[place])
        return values


def _columns(statement: Any) -> list[Any]:
    """Return the columns of the rows that come back; some statements have none."""
    return [*getattr(statement, "exported_columns", ())]


def _way_in(bind: BindParameter[Any], dialect: Dialect) -> tuple[Any, Convert | None]:
    """Return a parameter's value where none is given, and what makes a value the driver's."""
    if dialect.name == "sqlite" and _is(bind.type, DateTime):
        return bind.effective_value, _stored
    return bind.effective_value, bind.type.dialect_impl(dialect).bind_processor(dialect)


def _stored(instant: datetime | None) -> str | None:
    """Return the text that SQLAlchemy has SQLite store of an instant, in a fifth of the time."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if instant else None


def _way_out(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """Return what makes a value of the driver's one for `to_json`, without a detour by Python's own types."""
    if dialect.name == "postgresql":
        return (lambda value: value.astimezone(UTC)) if _is(kind, DateTime) else None
    ways: dict[type, Convert] = {Uuid: _dashed, DateTime: _rfc3339, JSON: orjson.Fragment, Boolean: bool}
    return next((way for type_, way in ways.items() if _is(kind, type_)), None)


def _dashed(text: str) -> str:
    """Return the id that SQLite has as 32 digits."""
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _rfc3339(text: str) -> str:
    """Return the instant that SQLite has as `YYYY-MM-DD HH:MM:SS.ffffff`."""
    return f"{text[:10]}T{text[11 : 19 if text.endswith('.000000') else None]}Z"


def _is(kind: TypeEngine[Any], type_: type) -> bool:
    return isinstance(getattr(kind, "impl", kind), type_)


def send(connection: Connection, sql: str, **options: Any) -> None:
    """Run what has no parameters and no rows on the driver's own cursor. Raises what SQLAlchemy would."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(sql, **options)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_of_sqlalchemy(error, connection, sql) from error


def _as_of_sqlalchemy(error: Any, connection: Connection, sql: str) -> BaseException:
    """Return the driver's error as SQLAlchemy raises it; a connection that broke is given up, with its pool."""
    dialect = connection.dialect
    if broken := dialect.is_disconnect(error, connection.connection.dbapi_connection, None):
        connection.invalidate(error)
        connection.engine.dispose(close=False)
    base = dialect.loaded_dbapi.Error
    options: Any = {"hide_parameters": True, "connection_invalidated": broken, "dialect": dialect}
    said: BaseException = DBAPIError.instance(sql, None, error, base, **options)
    return said
