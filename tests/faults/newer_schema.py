"""A pytest plugin for the tests of an older checkout: they use the migrations of a newer checkout.

Run pytest with `-p newer_schema` and the folder of the newer checkout in NEWER_CHECKOUT.
"""

import os
import subprocess
import sys
import tempfile
from typing import Any

import flask_migrate
from flask import current_app


def upgrade(*_args: Any, **_options: Any) -> None:
    """Upgrade the database of the current application to the schema of the newer checkout."""
    url = current_app.extensions["sqlalchemy"].engine.url.render_as_string(hide_password=False)
    with tempfile.TemporaryDirectory() as folder:
        settings = {"TASKAPI_DATABASE_URL": url, "TASKAPI_INSTANCE_PATH": folder, "TASKAPI_LOG_LEVEL": "error"}
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
        checkout = os.environ["NEWER_CHECKOUT"]
        environment = os.environ | settings | {"PYTHONPATH": checkout}
        subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True)


flask_migrate.upgrade = upgrade
