"""Prepared statements: compiled once and run past SQLAlchemy, for what nearly every request runs.

SQLAlchemy's way from a statement to its rows costs more than the database's answer. What is prepared goes it once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, NamedTuple, NoReturn

import orjson
from sqlalchemy import ColumnElement, Connection, Dialect, Select, select
from sqlalchemy.exc import NoResultFound

from taskapi.database.json import JsonObject, in_lines


class Prepared:
    """A statement whose rows are numbers, truth values and text; for the rest there is JSON (`Shown`).

    It has the same parameters at each call, so none that expands.
    """

    def __init__(self, statement: Any) -> None:
        self.names: Final = tuple(column.key for column in getattr(statement, "exported_columns", ()))
        self._statement = statement
        self._forms: dict[str, Any] = {}

    def all(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Return the rows. Raises what SQLAlchemy would."""
        form = self.form_for(connection.dialect)
        try:
            rows: Sequence[Sequence[Any]] = form.run(connection.connection.driver_connection, form.values(parameters))
        except connection.dialect.loaded_dbapi.Error as error:
            _raise_as_sqlalchemy(error, connection, form.sql)
        return rows

    def first(self, connection: Connection, parameters: Mapping[str, Any]) -> Any:
        """Return the first row by the names of its columns, or None."""
        rows = self.all(connection, parameters)
        return dict(zip(self.names, rows[0], strict=True)) if rows else None

    def one(self, connection: Connection, parameters: Mapping[str, Any]) -> Any:
        """Return the first row by the names of its columns. Raises NoResultFound."""
        row = self.first(connection, parameters)
        if row is None:
            raise NoResultFound
        return row

    def form_for(self, dialect: Dialect) -> Any:
        """Return the statement as that database wants it."""
        form = self._forms.get(dialect.name)
        if form is None:
            kind = import_module(f"taskapi.database.{dialect.name}")
            form = self._forms[dialect.name] = kind.Form(self._statement, dialect)
        return form


@dataclass(frozen=True, slots=True)
class Written:
    """A row that the database wrote as JSON, and its version if it has one."""

    text: str
    version: int | None = None


class Shown(Prepared):
    """A statement of one row at most, which the database writes as JSON."""

    def __init__(self, statement: Select[Any]) -> None:
        row = statement.subquery("shown")
        version = [row.c.version] if "version" in row.c else []
        super().__init__(select(JsonObject(*row.c), *version))

    def first(self, connection: Connection, parameters: Mapping[str, Any]) -> Written | None:
        """Return the row, or None."""
        rows = self.all(connection, parameters)
        return Written(*rows[0]) if rows else None


class Page(NamedTuple):
    """Rows as a JSON array, the mark of the last of them, and whether there are more."""

    items: orjson.Fragment
    last: str
    more: bool


class Lines(Prepared):
    """A statement of many rows, which the database writes as JSON, a line each; each has a mark, to go on behind it.

    How many is part of the statement: of a number that is a parameter PostgreSQL expects a tenth of the table, so that
    no plan that it could keep looks as cheap as one for the call, and it makes one for each.
    """

    def __init__(self, json: ColumnElement[Any], mark: ColumnElement[Any]) -> None:
        super().__init__(select(in_lines(json), in_lines(mark)))

    def page(self, connection: Connection, parameters: Mapping[str, Any], limit: int) -> Page:
        """Return the first `limit` of the rows."""
        ((text, marks),) = self.all(connection, parameters)
        lines = text.split("\n") if text else []
        shown = lines[:limit]
        last = marks.split("\n")[len(shown) - 1] if shown else ""
        return Page(orjson.Fragment(f"[{','.join(shown)}]"), last, len(lines) > limit)


def send(connection: Connection, sql: str, **options: Any) -> None:
    """Run what has no parameters and no rows on the driver's own cursor. Raises what SQLAlchemy would."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(sql, **options)
    except connection.dialect.loaded_dbapi.Error as error:
        _raise_as_sqlalchemy(error, connection, sql)


def _raise_as_sqlalchemy(error: BaseException, connection: Connection, sql: str) -> NoReturn:
    """Raise the driver's error as SQLAlchemy does; a connection that broke is given up, and with it those as old."""
    connection._handle_dbapi_exception(error, sql, None, None, None)
