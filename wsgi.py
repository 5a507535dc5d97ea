"""The WSGI application that `flask`, Granian and gunicorn import."""

import click

from taskapi import create_app
from taskapi.config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    if click.get_current_context(silent=True):
        raise  # a command prints the message itself
    error.show()
    raise SystemExit(4) from None  # gunicorn does not restart a worker that exits with this status
