"""flask backup, flask restore, flask prune: copy and restore the embedded database, and delete expired rows."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import click
from flask.cli import with_appcontext
from flask_migrate import upgrade
from sqlalchemy.exc import NoResultFound

from taskapi.audit.log import prune_audit
from taskapi.auth.sessions import prune_sessions
from taskapi.cli.command import Command
from taskapi.config import settings
from taskapi.database import db, now, rls_user
from taskapi.migrations import is_newer
from taskapi.resources.idempotency import prune_responses
from taskapi.security.denylist import revoke_everything
from taskapi.tasks.trash import empty_trash, is_due
from taskapi.users.service import iterate_user_ids

# Skip the versions that were used after the backup, so that cursors from that time expire
DELETED = "SELECT subject_id FROM audit_entries WHERE event = 'deleted'"
SKIP_NUMBERS = "UPDATE change_counters SET purged = value + 1000000000, value = value + 1000000000"
file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command("backup", cls=Command)
@file_argument
@with_appcontext
def backup(file: Path) -> None:
    """Copy the database to FILE, consistently, while the server runs. The keys are not included."""
    with _opened(_database(), "rw") as source:
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
    with _opened(file, "ro") as source, closing(sqlite3.connect("")) as restored:
        _require_ours(source, file)
        source.backup(restored)
        restored.execute("PRAGMA foreign_keys = ON")
        with restored:
            restored.execute(SKIP_NUMBERS)
            for statement, parameters in revoke_everything():
                restored.execute(statement, parameters)
        kept, back = _replace(path, restored)
    upgrade(revision="heads")
    click.echo(f"Restored {file}. The previous database is in {kept}.")
    for user_id in back:
        click.echo(f"The account {user_id} was deleted after the backup, and exists again.")


@click.command("prune", cls=Command)
@with_appcontext
def prune() -> None:
    """Delete old trash, ended sessions, stored responses and old audit entries. Run it once a day."""
    before = now() - timedelta(days=settings().trash_days)
    emptied, over = 0, prune_sessions()
    db.session.commit()
    removed, blanked = prune_audit()
    for owner_id in iterate_user_ids():
        with suppress(NoResultFound), rls_user(owner_id):  # the account was deleted meanwhile
            if is_due(owner_id, before):
                emptied += empty_trash(owner_id, before)
                over += prune_responses(owner_id)
                db.session.commit()
    click.echo(f"Removed {emptied} rows from the trash, and {over} sessions, revocations and stored responses.")
    click.echo(f"Removed {removed} entries from the audit log, and addresses and user agents from {blanked} others.")


def _database() -> Path:
    url = db.engine.url
    if url.get_backend_name() != "sqlite":
        raise click.ClickException("For PostgreSQL use its own tools, such as pg_dump: see docs/operations.md.")
    return Path(str(url.database))


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", timeout=1, uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise click.ClickException(f"{path} cannot be used: {error}.") from None


def _replace(path: Path, restored: sqlite3.Connection) -> tuple[Path, list[UUID]]:
    """Overwrite the database in one transaction. Return the path of the old one, and the accounts deleted there."""
    kept = path.with_name(f"{path.name}.{now():%Y%m%dT%H%M%SZ}")
    with _alone(path) as target:
        _copy(target, kept)
        there, deleted = _ids(restored, "SELECT id FROM users"), _ids(target, DELETED)
        restored.backup(target)
    return kept, sorted(there & deleted)


def _ids(connection: sqlite3.Connection, statement: str) -> set[UUID]:
    return {UUID(found) for (found,) in connection.execute(statement)}


@contextmanager
def _alone(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database exclusively: a running server would mix its cached pages with the new ones."""
    with _opened(path, "rw") as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError:
            raise click.ClickException(f"{path} is in use: stop the server first.") from None
        yield connection


def _copy(source: sqlite3.Connection, path: Path) -> None:
    """Write a complete copy or none, readable only by its owner."""
    if path.exists():
        raise click.ClickException(f"{path} already exists, and is not overwritten.")
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with closing(sqlite3.connect(part)) as target:
            source.backup(target)  # in one step, hence consistent
            target.execute("PRAGMA journal_mode = DELETE")  # so that it is a single file
            _require_whole(target, path)
        part.rename(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def _require_whole(connection: sqlite3.Connection, path: Path) -> None:
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise click.ClickException(f"{path} is damaged: {' '.join(said.split())}")


def _require_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not a backup of this service, or that a newer version wrote."""
    _require_whole(connection, path)
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'change_counters'").fetchone():
        raise click.ClickException(f"{path} is not a backup of this service.")
    at = [name for (name,) in connection.execute("SELECT version_num FROM alembic_version")]
    if not at:
        raise click.ClickException(f"{path} is not a backup of this service: it has no version.")
    if is_newer(at):
        raise click.ClickException(f"{path} was written by a newer version; restore it with that version.")
