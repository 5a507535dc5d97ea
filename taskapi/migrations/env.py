"""How migrations run: in one transaction, on the application's own engine."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final, Literal

import click
from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from taskapi.cli.command import unusable
from taskapi.database import UtcDateTime, db

# Whoever waits for a table's lock has everybody else wait behind them: no longer than requests will
LOCK_SECONDS: Final = 2
NO_LOCK: Final = "55P03"
NO_PRIVILEGE: Final = "42501"
RETRY: Final = (
    f"A lock was not to be had within {LOCK_SECONDS} s: a long transaction holds it. Nothing was changed; try again."
)


def _render(kind: str, thing: Any, autogen: Any) -> str | Literal[False]:
    """Write an instant as the type it has in the database, so that old migrations need no code of ours."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(thing, UtcDateTime) else False


def _is_declared(name: str | None, _kind: str, _parents: Any) -> bool:
    """Leave out the index of words: each database has its own kind, which no model could declare."""
    return not (name or "").startswith("task_search")


def _revise(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Give a new revision the next number of its branch; `flask db migrate` writes none if the schema has not changed.

    The first revision of an extension is called by the label of its branch: `notes_0001`.
    """
    if getattr(context.config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives.clear()
        click.echo("No changes in schema detected.")
        return
    directive = directives[0]
    last = next((script.revision for script in context.script.get_revisions(directive.head)), None)
    if last is None:
        last = f"{directive.branch_label}_0000" if directive.branch_label else "0000"
    directive.rev_id = f"{last[:-4]}{int(last[-4:]) + 1:04}"


def _configure(**options: Any) -> None:
    context.configure(
        **{
            "target_metadata": db.metadata,
            "compare_server_default": True,
            "render_item": _render,
            "include_name": _is_declared,
            "process_revision_directives": _revise,
            "transaction_per_migration": False,
            "transactional_ddl": True,
            **current_app.extensions["migrate"].configure_args,  # what Migrate(…) was given
            **options,
        }
    )


@contextmanager
def _failures_in_a_line() -> Iterator[None]:
    """On the command line, tell of a database that is out of reach, or that refuses the role, without a trace."""
    try:
        yield
    except DBAPIError as error:
        unreachable = error.statement is None or error.connection_invalidated
        if click.get_current_context(silent=True) and (unreachable or _sqlstate(error) == NO_PRIVILEGE):
            raise click.ClickException(unusable(error)) from None
        raise


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _run(connection: Connection) -> None:
    """SQLite: a batch migration rebuilds tables, and with foreign keys on it would delete what points to them."""
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        connection.connection.execute("PRAGMA foreign_keys = OFF")
    try:
        _configure(connection=connection)
        if sqlite:  # where nothing is built beside traffic, and processes that start together each migrate what is left
            context.get_context().autocommit_block = nullcontext  # type: ignore[assignment, method-assign]
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL row_security = off")  # rather refused than nobody's rows changed
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            context.run_migrations()
    except OperationalError as error:
        if _sqlstate(error) == NO_LOCK:
            raise CommandError(RETRY) from None
        raise
    finally:
        if sqlite:
            connection.connection.execute("PRAGMA foreign_keys = ON")


if context.is_offline_mode():
    _configure(url=db.engine.url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with _failures_in_a_line(), db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # begin as the driver does, so that a step can do without
            connection.execution_options(isolation_level="READ COMMITTED")
        _run(connection)
