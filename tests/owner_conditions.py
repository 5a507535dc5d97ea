"""Each statement that the application runs names the owner of every owned table that it reads or changes.

Citus sends a statement to one shard only if each table has its own `owner_id = <parameter>`, sub-selects included; it
rejects a sub-select that takes the owner from the statement around it. This plugin checks the text of each statement of
a request or a command, on any database, so that the rule holds without a cluster.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import click
import pytest
from flask import has_request_context
from sqlalchemy import Engine, event

from taskapi.database import PreparedStatement, owned_tables

# Statements without an owner, by a pattern, with the reason
EXCEPTIONS = {
    r"^SELECT coalesce\(sum\(change_counters\.tasks\)": "the statistics of administrators add up all owners",
    r"^SELECT reminder_times\.owner_id FROM reminder_times WHERE reminder_times\.remind_at <= [^=]+$": "the sender of "
    "mails finds due reminders of all owners",
    r"^DELETE FROM denylist WHERE denylist\.expires_at < [^=]+$": "`flask prune` deletes expired entries of all owners",
}
_TOKEN = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|%\(\w+\)s|%s|\$\d+|:\w+|\?|[A-Za-z_][\w.]*|\d[\w.]*|[()=,]|[^\s\w]"
)
_PARAMETER = re.compile(r"\?|%s|%\(\w+\)s|\$\d+|:\d+|'[^']*'")
_TABLES = {"FROM", "JOIN", "UPDATE"}  # the words before a table
_CLAUSES = _TABLES | {"SELECT", "WHERE", "ON", "SET", "GROUP", "ORDER", "LIMIT", "RETURNING", "HAVING", "VALUES"}
_seen: set[str] = set()
_faults: list[str] = []


def tables_without_owner(sql: str, owned: frozenset[str]) -> list[str]:
    """Return the names of the owned tables of a statement that have no `owner_id = <parameter>` in their query."""
    return [name for query in _queries(_nested(iter(_TOKEN.findall(sql)))) for name in _unconditioned(query, owned)]


def _nested(tokens: Iterator[str]) -> list[Any]:
    """Return the tokens, with a list for each pair of brackets."""
    found: list[Any] = []
    for token in tokens:
        if token == ")":
            break
        found.append(_nested(tokens) if token == "(" else token)
    return found


def _queries(tokens: list[Any]) -> Iterator[list[Any]]:
    """Yield each query of the statement: sub-selects and the parts of a UNION are queries of their own."""
    part: list[Any] = []
    for token in tokens:
        if isinstance(token, list):
            yield from _queries(token)
        elif token in {"UNION", "INTERSECT", "EXCEPT"}:
            yield part
            part = []
            continue
        part.append(token)
    yield part


def _unconditioned(query: list[Any], owned: frozenset[str]) -> list[str]:
    return [table for alias, table in _tables(query).items() if table in owned and not _names_owner(query, alias)]


def _tables(query: list[Any]) -> dict[str, str]:
    """Return the tables of FROM, JOIN, UPDATE and DELETE, by their aliases."""
    found: dict[str, str] = {}
    clause = before = ""
    for index, token in enumerate(query):
        word = "" if isinstance(token, list) else token
        if word in _CLAUSES:
            clause = word
        elif word and clause in _TABLES and before in {*_TABLES, ","}:
            found[query[index + 2] if query[index + 1 : index + 2] == ["AS"] else word] = word
        before = word
    return found


def _names_owner(conditions: list[Any], alias: str) -> bool:
    """Return whether all rows meet `alias.owner_id = <parameter>`: it is not one of the alternatives of OR."""
    if "OR" in conditions:
        return False
    padded = ["", *conditions, "", ""]
    for before, token, sign, value in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        if isinstance(token, list):
            if before in ("WHERE", "AND", "ON") and token[:1] != ["SELECT"] and _names_owner(token, alias):
                return True
        elif [token, sign] == [f"{alias}.owner_id", "="] and _PARAMETER.fullmatch(str(value)):
            return True
    return False


@lru_cache
def _owned() -> frozenset[str]:
    return frozenset(table.name for table in owned_tables())


def note(sql: str) -> None:
    """Check a statement, once, if a request or a command other than `flask db` runs it."""
    if sql in _seen or not (has_request_context() or _in_command()):
        return
    _seen.add(sql)
    names = tables_without_owner(sql, _owned())
    if names and not any(re.search(pattern, " ".join(sql.split())) for pattern in EXCEPTIONS):
        _faults.append(f"{', '.join(names)}: {sql}")


def _in_command() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and " db " not in f"{context.command_path} "


def _note_executed(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
    note(sql)


def _note_prepared(compiled_for: Any) -> Any:
    def compiled_and_noted(statement: Any, dialect: Any) -> Any:
        form = compiled_for(statement, dialect)
        note(form.sql)
        return form

    return compiled_and_noted


def pytest_configure() -> None:
    """Watch both ways of running: the statements of SQLAlchemy, and prepared ones, which bypass its events."""
    event.listen(Engine, "before_cursor_execute", _note_executed)
    PreparedStatement.compiled_for = _note_prepared(PreparedStatement.compiled_for)  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _statements_name_their_owner() -> Iterator[None]:
    yield
    faults, _faults[:] = [*_faults], []
    assert not faults, "\n\n".join(("without `owner_id = <parameter>`:", *faults))
