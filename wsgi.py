"""The application, where `flask run` and gunicorn look for it."""

from taskapi import create_app
from taskapi.config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    error.show()
    raise SystemExit(4) from None  # by which gunicorn knows not to try again
