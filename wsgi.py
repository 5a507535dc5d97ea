"""The WSGI application that `flask`, Granian and gunicorn import."""

import gc

import click

gc.disable()  # imports leave little garbage; without the collector, a command takes a third less time
from taskapi import create_app  # noqa: E402
from taskapi.config import SettingsError  # noqa: E402

try:
    app = create_app()
except SettingsError as error:
    if click.get_current_context(silent=True):
        raise  # a command prints the message itself
    error.show()
    raise SystemExit(4) from None  # gunicorn does not restart a worker that exits with this status
gc.freeze()  # the collector skips what now exists, also at the exit
gc.enable()
