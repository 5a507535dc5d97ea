"""The database schema's revisions (Alembic): those of the core are here, those of an extension in its own folder.

The core's revisions are the branch `core`. Those of an extension are a branch with the name of the extension.
"""

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import click
import sqlalchemy as sa
from alembic import op
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError, SQLAlchemyError

from taskapi.config import Settings, SettingsError
from taskapi.context import current_application
from taskapi.database import EMBEDDED, MIGRATIONS, Id, db, reader
from taskapi.database.session import migrate
from taskapi.security.keys import KEY_SET_FILE

CORE: Final = "core"
_USERS = sa.table("users", sa.column("id", Id()))
_APPLIED = text("SELECT version_num FROM alembic_version")


def init_migrations(app: Flask, folders: Iterable[Path]) -> None:
    """Add the revisions in these folders, where they exist, to those of the core.

    `flask db upgrade` then upgrades all branches, and `flask db migrate` adds to the core's.
    """
    app.extensions["taskapi-revisions"] = tuple(str(folder) for folder in folders if folder.is_dir())
    all_branches, core = {"revision": "heads"}, {"head": f"{CORE}@head"}
    defaults = {"upgrade": all_branches, "stamp": all_branches, "migrate": core, "revision": core}
    app.cli.commands["db"].context_settings["default_map"] = defaults


@migrate.configure
def _locate_revisions(config: Any) -> Any:  # of type flask_migrate.Config, whose stubs lack its methods
    """Set the folders of revisions in the configuration of Alembic."""
    core = Path(config.get_main_option("script_location", MIGRATIONS)) / "versions"
    folders = os.pathsep.join([str(core), *current_application().extensions["taskapi-revisions"]])
    config.set_main_option("version_locations", folders.replace("%", "%%"))
    return config


def init_schema(app: Flask, settings: Settings) -> None:
    """Upgrade the embedded database; for any other database, log what its schema lacks. Raises SettingsError.

    The operator upgrades another database with `flask db upgrade`.
    """
    with app.app_context():
        if settings.embedded:
            _upgrade_embedded(app)
        elif _is_server() and (why := check_database() or check_migrations()):
            app.logger.warning("not ready yet: %s", why)
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()  # a server that forks after this must not share connections


def _upgrade_embedded(app: Flask) -> None:
    path = Path(app.instance_path, EMBEDDED)
    try:
        if is_newer(applied := applied_revisions()):
            raise SettingsError(
                f"The database {path} was written by a newer version, or by a version with more extensions. Start "
                f"that version, or run its `{downgrade_command(applied)}` first."
            )
        upgrade(revision="heads")
    except DBAPIError as error:
        raise SettingsError(f"The database {path} cannot be used: {error.orig}.") from None
    if _is_server():
        app.logger.info("embedded mode: data in %s, keys in %s", path, path.with_name(KEY_SET_FILE))


def _is_server() -> bool:
    """Return whether this is a server; a command prints only its own output."""
    command = click.get_current_context(silent=True)
    return command is None or command.info_name == "run"


def check_database() -> str | None:
    """Return why the database is down, or None."""
    try:
        reader().execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        return f"it does not respond: {' '.join(str(getattr(error, 'orig', type(error).__name__)).split())}"
    return None


def check_migrations() -> str | None:
    """Return what the schema lacks, or None.

    A newer schema is accepted: the migrations of a new version run while the old version still serves.
    """
    try:
        applied = applied_revisions()
    except SQLAlchemyError:
        return "the schema cannot be read"
    if is_newer(applied) or not [*history().iterate_revisions("heads", tuple(applied), implicit_base=True)]:
        return None
    current, needed = join_revisions(applied), join_revisions(history().get_heads())
    return f"the schema is at {current or 'nothing'}, and this version needs {needed}: run flask db upgrade"


def join_revisions(revisions: Iterable[str]) -> str:
    """Return revisions as text for a message."""
    return ", ".join(sorted(revisions))


def applied_revisions() -> set[str]:
    """Return the last applied revision of each branch; an empty set if the database has none."""
    try:
        return {*reader().execute(_APPLIED).scalars()}
    except (OperationalError, ProgrammingError):
        reader().execute(text("SELECT 1"))  # the database responds, so only the table is missing
        return set()


def downgrade_command(applied: set[str]) -> str:
    """Return the command of a newer version that takes a database back to the revisions of this version.

    A revision of an extension begins with the name of the extension: `reminders_0002`.
    """
    heads = {head.rpartition("_")[0]: head for head in history().get_heads()}
    known = {script.revision for script in history().walk_revisions()}
    names = [revision.rpartition("_")[0] for revision in sorted(applied - known)]
    targets = [heads.get(name, f"{name}@base") for name in names if name]
    return " ".join(["flask db downgrade", str(_history(()).get_current_head()), *targets])


def is_newer(revisions: Iterable[str]) -> bool:
    """Return whether a revision is unknown, because it is from a later version or from a removed extension."""
    return not {script.revision for script in history().walk_revisions()} >= {*revisions}


def history() -> ScriptDirectory:
    """Return the revisions of the core and of the application's extensions."""
    return _history(current_application().extensions["taskapi-revisions"])


def each_owner() -> Iterator[UUID]:
    """Yield the id of each user, so that a revision changes owned rows owner by owner.

    Until the next one, row-level security of PostgreSQL shows and accepts the rows of that user only.
    """
    connection = op.get_bind()
    guarded = connection.dialect.name == "postgresql"
    for owner_id in connection.execute(sa.select(_USERS.c.id).order_by(_USERS.c.id)).scalars().all():
        if guarded:
            setting = f"SET LOCAL taskapi.user_id = '{owner_id}'"
            op.execute(setting)
            op.execute("SET LOCAL row_security = on")
        yield owner_id
    if guarded:
        op.execute("SET LOCAL taskapi.user_id = ''")
        op.execute("SET LOCAL row_security = off")  # as env.py sets it


@lru_cache
def _history(folders: tuple[str, ...]) -> ScriptDirectory:
    return ScriptDirectory(MIGRATIONS, version_locations=[str(Path(MIGRATIONS, "versions")), *folders])
