"""The application, as `flask`, Granian and gunicorn import it."""

import click

from taskapi import create_app
from taskapi.config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    if click.get_current_context(silent=True):
        raise  # a command tells it by itself
    error.show()
    raise SystemExit(4) from None  # by which gunicorn knows not to try again
