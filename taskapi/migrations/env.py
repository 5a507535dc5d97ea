"""How migrations run: in one transaction, on the application's own engine."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final, Literal

import click
from alembic import context
from alembic.runtime.migration import MigrationInfo
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from taskapi.cli.command import NO_PRIVILEGE, database_error_message
from taskapi.database import Id, UtcDateTime, db

# All later statements queue behind a migration that waits for a table lock, so it must give up before requests time out
LOCK_SECONDS: Final = 2
NO_LOCK: Final = "55P03"
STORED: Final[dict[type, str]] = {
    Id: 'sa.Uuid().with_variant(sa.String(36), "sqlite")',
    UtcDateTime: 'sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")',
}
RETRY: Final = (
    f"A table lock was not available within {LOCK_SECONDS} s, because a long transaction holds it. "
    "Nothing was changed; try again."
)


def _render(kind: str, thing: Any, autogen: Any) -> str | Literal[False]:
    """Render the application's types as types of SQLAlchemy, so that migrations do not import them."""
    return STORED.get(type(thing), False) if kind == "type" else False


def _is_declared(name: str | None, _kind: str, _parents: Any) -> bool:
    """Exclude the full-text index, which only SQLite has and no model declares."""
    return not (name or "").startswith("task_search")


def _revise(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Give a new revision the next number of its branch; `flask db migrate` writes none if the schema has not changed.

    The first revision of an extension has the label of its branch as a prefix: `notes_0001`.
    """
    if getattr(context.config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives.clear()
        click.echo("No changes in schema detected.")
        return
    directive = directives[0]
    if directive.head == "head":  # `flask db check` names no branch, and writes no revision
        return
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
            **current_app.extensions["migrate"].configure_args,  # the arguments of Migrate(…)
            **options,
        }
    )


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """On the command line, report an unreachable database or a missing privilege in one line, without a traceback."""
    try:
        yield
    except DBAPIError as error:
        unreachable = error.statement is None or error.connection_invalidated
        if click.get_current_context(silent=True) and (unreachable or _sqlstate(error) == NO_PRIVILEGE):
            raise click.ClickException(database_error_message(error)) from None
        raise


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _report(steps: list[MigrationInfo]) -> None:
    """Print what `flask db upgrade` or `flask db downgrade` has done; a server and other commands print nothing."""
    command = click.get_current_context(silent=True)
    name = command and command.info_name
    if name in {"upgrade", "downgrade"}:
        for step in steps:
            text = getattr(step.up_revision, "doc", "")
            click.echo(f"{'Applied' if step.is_upgrade else 'Undid'} {step.up_revision_id}: {text}")
        if name == "upgrade" and not steps:
            click.echo("The schema is up to date.")


def _run(connection: Connection) -> None:
    """Run the migrations. On SQLite without foreign keys: to rebuild a table would delete the rows that refer to it."""
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        connection.connection.execute("PRAGMA foreign_keys = OFF")
        connection.connection.execute("PRAGMA legacy_alter_table = ON")  # accepts triggers that read the rebuilt table
    steps: list[MigrationInfo] = []
    try:
        _configure(connection=connection, on_version_apply=lambda step, **_: steps.append(step))
        if sqlite:  # no concurrent index builds; processes that start together migrate one after the other
            context.get_context().autocommit_block = nullcontext  # type: ignore[assignment, method-assign]
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL row_security = off")  # fail, instead of changing no rows
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                # Citus rejects a change of `users` and of an owned table together without this; others ignore it
                connection.exec_driver_sql("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
            context.run_migrations()
        _report(steps)
    except OperationalError as error:
        if _sqlstate(error) == NO_LOCK:
            raise CommandError(RETRY) from None
        raise
    finally:
        if sqlite:
            connection.connection.execute("PRAGMA legacy_alter_table = OFF")
            connection.connection.execute("PRAGMA foreign_keys = ON")


if context.is_offline_mode():
    _configure(url=db.engine.url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with _one_line_errors(), db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # the driver begins, so that a step can leave the transaction
            connection.execution_options(isolation_level="READ COMMITTED")
        _run(connection)
