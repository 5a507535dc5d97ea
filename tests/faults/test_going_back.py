"""Going back to the version before: `flask db downgrade` of this one restores its schema.

Before the first release the version before is the code that the newest revision was added to. test_migrations.py takes
every revision down and up again, with rows in all tables.
"""

import json
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from taskapi.database import MIGRATIONS
from tests.faults.test_previous_release import VERSIONS, git
from tests.servers import ROOT

HISTORY = [script.revision for script in ScriptDirectory(MIGRATIONS).walk_revisions()][::-1]
STEPS = [*pairwise(HISTORY)][-1:]
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


@pytest.fixture
def checkout(tmp_path):
    """Return the code of the last commit before a revision was added."""

    def checkout(revision: str) -> Path:
        (path,) = (ROOT / VERSIONS).glob(f"{revision}_*.py")
        added = git("log", "--diff-filter=A", "--format=%H", "--", f"{VERSIONS}/{path.name}").decode().split()
        if not added:
            pytest.skip(f"{path.name} is not committed")
        folder = tmp_path / "before"
        with tarfile.open(fileobj=BytesIO(git("archive", f"{added[-1]}^", "taskapi", "wsgi.py"))) as archive:
            archive.extractall(folder, filter="data")
        return folder

    return checkout


@pytest.mark.parametrize("step", STEPS, ids="-".join)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_version_before_a_revision_runs_after_its_downgrade(kind, step, checkout, tmp_path, request):
    below, above = step
    before = checkout(above)
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
