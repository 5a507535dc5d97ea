"""flask backup, restore, prune, db downgrade and db grant: the care of the database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import click
import flask_migrate
from flask.cli import with_appcontext
from sqlalchemy import Connection, text
from sqlalchemy.exc import NoResultFound

from taskapi.audit.log import prune_audit
from taskapi.audit.models import AuditEntry, AuditOpening
from taskapi.auth.sessions import prune_sessions
from taskapi.cli.command import Command
from taskapi.cli.tokens import revoke_everything
from taskapi.config import settings
from taskapi.database import db, now, rls_user
from taskapi.migrations import applied_revisions, history, is_newer, join_revisions
from taskapi.resources.idempotency import prune_responses
from taskapi.resources.trash import empty_trash, has_expired_rows
from taskapi.users.service import iterate_user_ids

DELETED_USERS = "SELECT subject_id FROM audit_entries WHERE event = 'deleted'"
# The versions that were used after the backup are not used again, and cursors from that time expire
SKIP_VERSIONS = "UPDATE change_counters SET purged = value + 1000000000, value = value + 1000000000"
APPEND_ONLY = AuditEntry.__tablename__
OWNERS_ONLY = AuditOpening.__tablename__  # `flask prune` uses it to change and delete old entries of the audit log
_TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
_SCHEMA = text("SELECT current_schema()")
_USER = text("SELECT current_user")
file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command("backup", cls=Command)
@file_argument
@with_appcontext
def backup(file: Path) -> None:
    """Copy the database to FILE, consistently, while the server runs. The keys are not included."""
    with _open(_database(), "rw") as source:
        _copy(source, file)
    click.echo(f"Wrote {file}. It does not include the keys of the instance folder.")


@click.command("restore", cls=Command)
@file_argument
@with_appcontext
def restore(file: Path) -> None:
    """Replace the database with the backup FILE, completely or not at all. Stop the server first.

    Every token and session is revoked. Accounts that were deleted after the backup exist again, and are listed.
    """
    path = _database()
    with _open(file, "ro") as source, closing(sqlite3.connect("")) as restored:
        _require_backup(source, file)
        source.backup(restored)
        restored.execute("PRAGMA foreign_keys = ON")
        with restored:
            restored.execute(SKIP_VERSIONS)
            for statement, parameters in revoke_everything():
                restored.execute(statement, parameters)
        previous, recreated = _replace(path, restored)
    flask_migrate.upgrade(revision="heads")
    click.echo(f"Restored {file}. The previous database is in {previous}.")
    for user_id in recreated:
        click.echo(f"The account {user_id} was deleted after the backup, and exists again.")


@click.command("prune", cls=Command)
@with_appcontext
def prune() -> None:
    """Delete old trash, ended sessions, stored responses and old audit entries. Run it once a day."""
    before = now() - timedelta(days=settings().trash_days)
    trash, others = 0, prune_sessions()
    db.session.commit()
    deleted, cleared = prune_audit()
    for owner_id in iterate_user_ids():
        with suppress(NoResultFound), rls_user(owner_id):  # the account was deleted meanwhile
            if has_expired_rows(owner_id, before):
                trash += empty_trash(owner_id, before)
                others += prune_responses(owner_id)
                db.session.commit()
    click.echo(f"Removed {trash} rows from the trash, and {others} sessions, revocations and stored responses.")
    click.echo(f"Removed {deleted} entries from the audit log, and addresses and user agents from {cleared} others.")


@click.command("downgrade", cls=Command)
@click.argument("revisions", nargs=-1, required=True)
@with_appcontext
def downgrade(revisions: tuple[str, ...]) -> None:
    """Go back to REVISIONS, one for each branch. Deletes the data that later revisions have added.

    An older version names its revisions in `flask doctor`, and when it does not start. NAME@base removes the tables of
    the extension NAME.
    """
    known = {script.revision: script for script in history().walk_revisions()}
    for revision in revisions:
        applied = applied_revisions()
        if unknown := applied - {*known}:
            raise click.ClickException(f"This version does not have {join_revisions(unknown)}: run the one that has.")
        reached = {script.revision for script in history().iterate_revisions(tuple(applied), "base")}
        if revision in known and not known[revision].nextrev & reached:
            click.echo(f"No revision after {revision} is applied.")
        else:
            flask_migrate.downgrade(revision=revision)


@click.command("grant", cls=Command)
@click.argument("role")
@with_appcontext
def grant(role: str) -> None:
    """Let the service use the PostgreSQL role ROLE. Run it as the owner of the tables after each `flask db upgrade`.

    ROLE may read and write all rows that row-level security shows it. Of the audit log it may read and add entries. It
    may change neither the schema nor the entries, and cannot disable triggers or policies.
    """
    if db.engine.dialect.name != "postgresql":
        raise click.ClickException("Only PostgreSQL has roles.")
    with db.engine.connect() as connection, connection.begin():
        if role == connection.execute(_USER).scalar():
            raise click.ClickException(f"{role} owns the tables. Name the role that the service connects as.")
        _grant(connection, role)
    click.echo(f"The service may use {role}. It may only read and add entries of the audit log.")


def _database() -> Path:
    url = db.engine.url
    if url.get_backend_name() != "sqlite":
        raise click.ClickException("For PostgreSQL use its own tools, such as pg_dump: see docs/operations.md.")
    return Path(str(url.database))


@contextmanager
def _open(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", timeout=1, uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise click.ClickException(f"{path} cannot be used: {error}.") from None


def _replace(path: Path, restored: sqlite3.Connection) -> tuple[Path, list[UUID]]:
    """Overwrite the database in one transaction.

    Returns the path of a copy of the previous one, and the accounts that were deleted after the backup.
    """
    previous = path.with_name(f"{path.name}.{now():%Y%m%dT%H%M%SZ}")
    with _open_exclusively(path) as target:
        _copy(target, previous)
        users, deleted = _ids(restored, "SELECT id FROM users"), _ids(target, DELETED_USERS)
        restored.backup(target)
    return previous, sorted(users & deleted)


def _ids(connection: sqlite3.Connection, statement: str) -> set[UUID]:
    return {UUID(user_id) for (user_id,) in connection.execute(statement)}


@contextmanager
def _open_exclusively(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database exclusively: a running server would mix its cached pages with the new ones."""
    with _open(path, "rw") as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError:
            raise click.ClickException(f"{path} is in use: stop the server first.") from None
        yield connection


def _copy(source: sqlite3.Connection, path: Path) -> None:
    """Write a complete copy or none, which only its owner can read."""
    if path.exists():
        raise click.ClickException(f"{path} already exists, and is not overwritten.")
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with closing(sqlite3.connect(part)) as target:
            source.backup(target)  # in one step, hence consistent
            target.execute("PRAGMA journal_mode = DELETE")  # so that it is a single file
            _require_intact(target, path)
        part.rename(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def _require_intact(connection: sqlite3.Connection, path: Path) -> None:
    (result,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if result != "ok":
        raise click.ClickException(f"{path} is damaged: {' '.join(result.split())}")


def _require_backup(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not a backup of this service, or that a newer version wrote."""
    _require_intact(connection, path)
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'change_counters'").fetchone():
        raise click.ClickException(f"{path} is not a backup of this service.")
    revisions = [name for (name,) in connection.execute("SELECT version_num FROM alembic_version")]
    if not revisions:
        raise click.ClickException(f"{path} is not a backup of this service: it has no version.")
    if is_newer(revisions):
        raise click.ClickException(f"{path} was written by a newer version; restore it with that version.")


def _grant(connection: Connection, role: str) -> None:
    quote = connection.dialect.identifier_preparer.quote_identifier
    grantee = quote(role)
    schema = quote(str(connection.execute(_SCHEMA).scalar()))
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {grantee}")
    for table in connection.execute(_TABLES).scalars().all():
        connection.exec_driver_sql(f"REVOKE ALL ON {quote(table)} FROM {grantee}")
        if privileges := _privileges(table):
            connection.exec_driver_sql(f"GRANT {privileges} ON {quote(table)} TO {grantee}")


def _privileges(table: str) -> str:
    if table in db.metadata.tables and table not in {APPEND_ONLY, OWNERS_ONLY}:
        return "SELECT, INSERT, UPDATE, DELETE"
    return {APPEND_ONLY: "SELECT, INSERT", "alembic_version": "SELECT"}.get(table, "")
