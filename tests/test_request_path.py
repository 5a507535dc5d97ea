"""How many of our files and functions one request passes. `pytest -s` prints them in the order in which they run."""

import sys
from pathlib import Path
from time import monotonic

import pytest
from flask.testing import FlaskClient

import taskapi
from taskapi.database import db
from taskapi.security.keys import sources

PACKAGE = Path(taskapi.__file__).parent
MAX_FILES = {"GET": 15, "POST": 20}
POSTGRESQL_FILES = 2  # postgresql.py and row_security.py


class Trace:
    """Record each function of ours that runs, once, by its file, in the order of the first calls."""

    def __init__(self):
        self.files = {}

    def __enter__(self):
        sys.setprofile(self._record)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def _record(self, frame, event, _arg):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            name = path.relative_to(PACKAGE).as_posix()
            self.files.setdefault(name, {})[frame.f_code.co_qualname] = None

    def __str__(self):
        return "\n".join(f"{name}: {', '.join(functions)}" for name, functions in self.files.items())


@pytest.mark.parametrize("method", MAX_FILES)
def test_request_path_is_short(make_app, new_user, monkeypatch, method):
    app = make_app(RATELIMIT_ENABLED=True)
    app.test_client_class = FlaskClient
    client = app.test_client()
    signed_in = client.post(
        "/api/v1/auth/login", json={"username": new_user(), "password": "correct horse battery staple"}
    )
    request = {
        "path": "/api/v1/tasks",
        "method": method,
        "headers": {"Authorization": f"Bearer {signed_in.json['access_token']}", "Content-Type": "application/json"},
        "data": b'{"title": "Water the plants"}' if method == "POST" else None,
    }
    start = monotonic()
    monkeypatch.setattr(sources, "monotonic", lambda: start)  # a request after a second reads the key file again
    client.open(**request)  # fills the caches
    with Trace() as trace:
        response = client.open(**request)
    assert response.status_code == {"GET": 200, "POST": 201}[method]
    functions = sum(map(len, trace.files.values()))
    print(f"\n{method} /api/v1/tasks: {len(trace.files)} files, {functions} functions\n{trace}")  # noqa: T201
    with app.app_context():
        more = POSTGRESQL_FILES if db.engine.dialect.name == "postgresql" else 0
    assert len(trace.files) <= MAX_FILES[method] + more
