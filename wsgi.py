"""The application, where `flask run` and gunicorn look for it."""

from taskapi import create_app

app = create_app()
