"""The schema's history (Alembic), inside the package so that it ships with it."""

from functools import lru_cache
from pathlib import Path

import click
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError, SQLAlchemyError

from taskapi.config import Settings, SettingsError
from taskapi.database import EMBEDDED, MIGRATIONS, db, reader
from taskapi.security.keys import RING_FILE

_APPLIED = text("SELECT version_num FROM alembic_version")


def init_schema(app: Flask, settings: Settings) -> None:
    """Bring the embedded database up to date; of any other, only say what it lacks. Raises SettingsError.

    Another is migrated by `flask db upgrade`, when its people are ready for it.
    """
    with app.app_context():
        if settings.embedded:
            _upgrade_embedded(app)
        elif _serves() and (why := check_database() or check_migrations()):
            app.logger.warning("not ready yet: %s", why)
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()  # a server that forks after this must not share connections


def _upgrade_embedded(app: Flask) -> None:
    path = Path(app.instance_path, EMBEDDED)
    try:
        if is_newer(applied()):
            raise SettingsError(
                f"The database {path} was written by a newer version. Start that version, or run its "
                f"`flask db downgrade {newest()}` first."
            )
        upgrade()
    except DBAPIError as error:
        raise SettingsError(f"The database {path} cannot be used: {error.orig}.") from None
    if _serves():
        app.logger.info("embedded mode: data in %s, keys in %s", path, path.with_name(RING_FILE))


def _serves() -> bool:
    """Tell a server from a command, whose output is its own."""
    command = click.get_current_context(silent=True)
    return command is None or command.info_name == "run"


def check_database() -> str | None:
    """Return why the database is down, or None."""
    try:
        reader().execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        return f"it does not answer: {' '.join(str(getattr(error, 'orig', type(error).__name__)).split())}"
    return None


def check_migrations() -> str | None:
    """Return what the schema lacks, or None.

    A newer one will do: a new version's migrations run while the old version still serves.
    """
    try:
        at = applied()
    except SQLAlchemyError:
        return "the schema cannot be read"
    if at == newest() or is_newer(at):
        return None
    return f"the schema is at {at or 'nothing'}, and this version needs {newest()}: run flask db upgrade"


def applied() -> str | None:
    """Return the revision that the database is at; None: it has no schema of ours."""
    try:
        found: str | None = reader().execute(_APPLIED).scalar()
    except (OperationalError, ProgrammingError):
        reader().execute(text("SELECT 1"))  # it answers, so it is the table that is missing
        return None
    return found


def newest() -> str:
    """Return the revision that this version is written for."""
    return _revisions()[0]


def is_newer(revision: str | None) -> bool:
    """Tell whether a revision is one of a later version, of which this one knows nothing."""
    return revision is not None and revision not in _revisions()


@lru_cache
def _revisions() -> list[str]:
    """Return the revisions, newest first."""
    return [script.revision for script in ScriptDirectory(MIGRATIONS).walk_revisions()]
