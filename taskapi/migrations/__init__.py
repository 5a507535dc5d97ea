"""The schema's history (Alembic), inside the package so that it ships with it."""

from pathlib import Path

from flask import Flask
from flask_migrate import upgrade

from taskapi.security.keys import RING_FILE


def upgrade_embedded(app: Flask) -> None:
    """Bring the embedded database up to date, and say where its data and keys lie.

    Any other database is migrated by `flask db upgrade`, when its people are ready for it.
    """
    with app.app_context():
        upgrade()
    folder = Path(app.instance_path)
    app.logger.info("embedded mode: data in %s, keys in %s", folder / "taskapi.db", folder / RING_FILE)
