"""Types and expressions that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ARRAY, JSON, Dialect, Text, text
from sqlalchemy import DateTime as SqlDateTime
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

CODE_POINT_TEXT = Text().with_variant(Text(collation="C"), "postgresql")  # sorts by code point, as SQLite does
INTERNAL = {"internal": True}  # a column's info: derived for an index, so no personal data of its owner
NO_RLS = {"row_security": False}  # an owned table's info: it has no policy
TEXT_LIST: TypeEngine[list[str]] = JSON[list[str]]().with_variant(ARRAY(Text), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, in UTC on every database; SQLite would drop the offset. A naive one raises ValueError."""

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

    type: TypeEngine[list[str]] = TEXT_LIST
    inherit_cache = True


@compiles(NameList, "sqlite")
def _name_list(element: NameList, compiler: Any, **options: Any) -> str:
    names = compiler.process(element.clauses, **options)
    return f"(SELECT json_group_array(name) FROM {names})"  # noqa: S608 - compiled, with its parameters bound


@compiles(NameList, "postgresql")
def _name_array(element: NameList, compiler: Any, **options: Any) -> str:
    return f"ARRAY{compiler.process(element.clauses, **options)}"


def partial_index(condition: str) -> dict[str, Any]:
    """Return the options of an index that holds only the rows that meet the condition."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
