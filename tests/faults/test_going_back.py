"""Going back one version: the old version names the `flask db downgrade` of the new one after which it runs.

The old version is the last release. Before the first one, the old version is this code, and the new version is a copy
of it with one more revision of the core and one of an extension. test_migrations.py takes every revision down and up
again, with rows in all tables.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from io import BytesIO

import pytest
from alembic.script import ScriptDirectory

from taskapi.database import MIGRATIONS
from tests.faults.test_previous_release import git
from tests.servers import ROOT

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


MORE = """from alembic import op
import sqlalchemy as sa

revision, down_revision = "9999", "{head}"


def upgrade():
    op.add_column("tasks", sa.Column("size", sa.Integer(), server_default="0", nullable=False))
    op.create_table("sizes", sa.Column("id", sa.Uuid(), primary_key=True))


def downgrade():
    op.drop_table("sizes")
    op.drop_column("tasks", "size")
"""


MORE_OF_AN_EXTENSION = """revision, down_revision, depends_on = "calendars_9999", "calendars_0001", "9999"


def upgrade():
    pass


def downgrade():
    pass
"""


def versions(folder):
    """Return the folders of the old and the new version."""
    tags = git("tag", "--list", "v*", "--merged", "HEAD", "--sort", "-version:refname").decode().split()
    if tags:
        with tarfile.open(fileobj=BytesIO(git("archive", tags[0], "taskapi", "wsgi.py"))) as archive:
            archive.extractall(folder / "old", filter="data")
        return folder / "old", ROOT
    new = folder / "new"
    shutil.copytree(ROOT / "taskapi", new / "taskapi", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "wsgi.py", new)
    head = ScriptDirectory(MIGRATIONS).get_current_head()
    (new / "taskapi" / "migrations" / "versions" / "9999_more.py").write_text(MORE.format(head=head))
    extension = new / "taskapi" / "extensions" / "calendars" / "migrations"
    (extension / "calendars_9999_more.py").write_text(MORE_OF_AN_EXTENSION)
    return ROOT, new


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_version_before_runs_after_the_downgrade_that_it_names(kind, tmp_path, request):
    before, after = versions(tmp_path)
    environment = {**os.environ, "TASKAPI_INSTANCE_PATH": str(tmp_path / "instance")}  # embedded: SQLite
    if kind == "postgresql":
        environment["TASKAPI_DATABASE_URL"] = request.getfixturevalue("postgres").new_database()

    def run(folder, *words, check=True):
        command = [sys.executable, *words]
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment | {"PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout if check else done.stdout + done.stderr

    def use(folder, title):
        return run(folder, "-c", USE, title).strip().replace("'", '"')

    flask = ("-m", "flask", "--app", "wsgi")
    run(after, *flask, "db", "upgrade")
    assert json.loads(use(after, "new")) == ["new kefir"]
    if named := re.search(r"`flask (db downgrade [^`]+)`", run(before, *flask, "doctor", check=False)):
        run(after, *flask, *named[1].split())
    assert json.loads(use(before, "old")) == ["new kefir", "old kefir"]
    run(after, *flask, "db", "upgrade")
    assert json.loads(use(after, "newer")) == ["new kefir", "old kefir", "newer kefir"]
