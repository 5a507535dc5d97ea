"""JSON that the database itself writes, in the form that the schemas document.

A row is one text then, and a page is too: for the driver that is one step, where each row and column would be some.
"""

from typing import Any, Final

from sqlalchemy import JSON, Boolean, ColumnElement, DateTime, Text, Uuid, cast, func, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

# An id has dashes; an instant is as RFC 3339 has it, without a fraction of nothing. Most that may be NULL are
SQLITE: Final = {
    Uuid: "CASE WHEN {0} IS NOT NULL THEN substr({0}, 1, 8) || '-' || substr({0}, 9, 4) || '-' || substr({0}, 13, 4)"
    " || '-' || substr({0}, 17, 4) || '-' || substr({0}, 21) END",
    DateTime: "CASE WHEN {0} IS NOT NULL THEN replace(replace({0}, ' ', 'T') || 'Z', '.000000Z', 'Z') END",
    Boolean: "json(CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)",
    JSON: "json({0})",
}
POSTGRESQL: Final = {
    JSON: "replace({0}::text, '\n', ' ')::json",  # which is kept as it was written
    DateTime: """replace(to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z')""",
}
_LINE_END: Any = literal_column("'\n'")  # JSON in one line has none


class JsonObject(FunctionElement[dict[str, Any]]):
    """Columns as they are shown, in an object by their names."""

    type: TypeEngine[dict[str, Any]] = JSON[dict[str, Any]]()
    inherit_cache = True


class JsonArray(FunctionElement[list[Any]]):
    """Columns in an array, to be read back, not shown: SQLite's are as it keeps them, in an eighth of the time."""

    type: TypeEngine[list[Any]] = JSON[list[Any]]()
    inherit_cache = True


def in_lines(json: ColumnElement[Any]) -> ColumnElement[str]:
    """Return one text of all rows' JSON, a line each, in the order of the rows; NULL of none."""
    return func.aggregate_strings(cast(json, Text), _LINE_END)


@compiles(JsonObject, "sqlite")
def _object_on_sqlite(element: JsonObject, compiler: Any, **options: Any) -> str:
    pairs = (f"'{column.name}', {_shown(column, SQLITE, compiler, options)}" for column in element.clauses)
    return f"json_object({', '.join(pairs)})"


@compiles(JsonObject, "postgresql")
def _object_on_postgresql(element: JsonObject, compiler: Any, **options: Any) -> str:
    quote = compiler.preparer.quote
    pairs = (f"{_shown(column, POSTGRESQL, compiler, options)} AS {quote(column.name)}" for column in element.clauses)
    return f"(SELECT row_to_json(o) FROM (SELECT {', '.join(pairs)}) AS o)"  # noqa: S608 - columns of models


@compiles(JsonArray, "sqlite")
def _array_on_sqlite(element: JsonArray, compiler: Any, **options: Any) -> str:
    return f"json_array({compiler.process(element.clauses, **options)})"


@compiles(JsonArray, "postgresql")
def _array_on_postgresql(element: JsonArray, compiler: Any, **options: Any) -> str:
    values = (_shown(value, POSTGRESQL, compiler, options) for value in element.clauses)
    return f"json_build_array({', '.join(values)})"


def _shown(value: Any, forms: dict[Any, str], compiler: Any, options: dict[str, Any]) -> str:
    """Return the SQL of a value as JSON shows it."""
    kind = value.type.dialect_impl(compiler.dialect)
    kind = getattr(kind, "impl", kind)
    form = next((form for type_, form in forms.items() if isinstance(kind, type_)), "{0}")
    return form.format(compiler.process(value, **options))
