"""Going back to the version before: `flask db downgrade` of this one restores its schema.

Before the first release, the version before is the newest commit whose schema is older. test_migrations.py takes every
revision down and up again, with rows in all tables.
"""

import json
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from taskapi.database import MIGRATIONS
from tests.faults.test_previous_release import VERSIONS, git
from tests.servers import ROOT

HEAD = ScriptDirectory(MIGRATIONS).get_current_head()
USE = """
import sys
from taskapi import create_app
client = create_app({"RATELIMIT_ENABLED": False, "BCRYPT_ROUNDS": 4, "LOG_LEVEL": "error"}).test_client()
body = {"username": "ada", "password": "correct horse battery staple"}
client.post("/api/v1/auth/register", json=body)
token = client.post("/api/v1/auth/login", json=body).json["access_token"]
client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
made = client.post("/api/v1/tasks", json={"title": f"{sys.argv[1]} kefir", "labels": ["home"]})
assert made.status_code == 201, made.text
found = client.get("/api/v1/tasks?q=kefir&sort=created_at").json["items"]
assert client.get("/readyz").status_code == 200
print([task["title"] for task in found])
"""


def version_before():
    """Return the newest commit with an older schema, and the revision that its schema is at."""
    for commit in git("log", "--format=%H", "--", VERSIONS).decode().split():
        paths = git("ls-tree", "--name-only", commit, f"{VERSIONS}/").decode().split()
        revisions = [Path(path).name[:4] for path in paths if path.endswith(".py")]
        if len(set(revisions)) == len(revisions) and max(revisions) < HEAD:
            return commit, max(revisions)
    raise AssertionError("no commit has an older schema")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_version_before_runs_after_a_downgrade(kind, tmp_path, request):
    commit, below = version_before()
    before = tmp_path / "before"
    with tarfile.open(fileobj=BytesIO(git("archive", commit, "taskapi", "wsgi.py"))) as archive:
        archive.extractall(before, filter="data")
    environment = {**os.environ, "TASKAPI_INSTANCE_PATH": str(tmp_path / "instance")}  # embedded: SQLite
    if kind == "postgresql":
        environment["TASKAPI_DATABASE_URL"] = request.getfixturevalue("postgres").new_database()

    def run(folder, *words):
        command = [sys.executable, *words]
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment | {"PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def use(folder, title):
        return run(folder, "-c", USE, title).strip().replace("'", '"')

    flask = ("-m", "flask", "--app", "wsgi")
    run(ROOT, *flask, "db", "upgrade")
    assert json.loads(use(ROOT, "new")) == ["new kefir"]
    run(ROOT, *flask, "db", "downgrade", below)
    assert json.loads(use(before, "old")) == ["new kefir", "old kefir"]
    run(ROOT, *flask, "db", "upgrade")
    assert json.loads(use(ROOT, "newer")) == ["new kefir", "old kefir", "newer kefir"]
