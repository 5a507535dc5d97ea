"""flask backup, flask restore: the embedded database in a file of its own, and back again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

import click
from flask.cli import with_appcontext
from flask_migrate import upgrade

from taskapi.cli.command import Command
from taskapi.database import db, now
from taskapi.migrations import is_newer
from taskapi.security.denylist import revoke_everything

# No change number is given out twice, and no cursor believed that knows what is gone
DELETED = "SELECT subject_id FROM audit_entries WHERE event = 'deleted'"
SKIP_NUMBERS = "UPDATE change_counters SET purged = value + 1000000000, value = value + 1000000000"
file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command("backup", cls=Command)
@file_argument
@with_appcontext
def backup(file: Path) -> None:
    """Copy the database to FILE, as it is at one moment, while others write. The keys are not in it."""
    with _opened(_database(), "rw") as source:
        _copy(source, file)
    click.echo(f"Wrote {file}. The keys of the instance folder are not in it.")


@click.command("restore", cls=Command)
@file_argument
@with_appcontext
def restore(file: Path) -> None:
    """Put the backup FILE in the database's place, whole or not at all. No server may be running.

    Every token and session is revoked. Accounts that were deleted since the backup are there again, and are named.
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
    click.echo(f"Restored {file}. What was there before is in {kept}.")
    for user_id in back:
        click.echo(f"The account {user_id} was deleted since the backup, and is there again.")


def _database() -> Path:
    url = db.engine.url
    if url.get_backend_name() != "sqlite":
        raise click.ClickException("PostgreSQL has its own ways, pg_dump among them: docs/operations.md shows them.")
    return Path(str(url.database))


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", timeout=1, uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise click.ClickException(f"{path} cannot be used: {error}.") from None


def _replace(path: Path, restored: sqlite3.Connection) -> tuple[Path, list[UUID]]:
    """Write over the database, in one transaction; returns where the old one is, and accounts that it had deleted."""
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
    """Open the database once nobody else has it open; a server would go on with what it knows of the old one."""
    with _opened(path, "rw") as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError:
            raise click.ClickException(f"{path} is in use: stop the server first.") from None
        yield connection


def _copy(source: sqlite3.Connection, path: Path) -> None:
    """Write a copy that is there whole or not at all, for its owner's eyes alone."""
    if path.exists():
        raise click.ClickException(f"{path} is there already, and is not overwritten.")
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with closing(sqlite3.connect(part)) as target:
            source.backup(target)  # in one step, hence of one moment
            target.execute("PRAGMA journal_mode = DELETE")  # one file, that needs none beside it
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
    """Refuse what is no backup of ours, or one that this version is too old for."""
    _require_whole(connection, path)
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'change_counters'").fetchone():
        raise click.ClickException(f"{path} is no backup of this service.")
    at = [name for (name,) in connection.execute("SELECT version_num FROM alembic_version")]
    if not at:
        raise click.ClickException(f"{path} is no backup of this service: it tells no version.")
    if is_newer(at):
        raise click.ClickException(f"{path} was written by a newer version; restore it with that.")
