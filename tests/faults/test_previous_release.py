"""The previous release passes its tests on the schema of this one, because both run during an upgrade."""

import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.servers import ROOT

TESTS = (
    "test_tasks.py",
    "test_projects.py",
    "extensions/changes/test_changes.py",
    "test_sessions.py",
    "test_idempotency.py",
)
VERSIONS = ("taskapi/migrations/versions", "taskapi/extensions/*/migrations/*.py")


def git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"git {words[0]}: {done.stderr.decode().strip()}")
    return done.stdout.strip() if words[0] != "archive" else done.stdout


@pytest.fixture(scope="module")
def previous(tmp_path_factory) -> Path:
    """The last release. Before the first release, the code of the commit with the newest migration."""
    if git("rev-parse", "--is-shallow-repository") == b"true":
        pytest.skip("the clone is shallow")
    tags = git("tag", "--list", "v*", "--merged", "HEAD", "--sort", "-version:refname").decode().split()
    commit = tags[0] if tags else git("log", "-1", "--format=%H", "--", *VERSIONS).decode()
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=BytesIO(git("archive", commit))) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_previous_release_passes_its_tests_on_the_new_schema(kind, previous, request):
    environment = {**os.environ, "NEWER_CHECKOUT": str(ROOT), "PYTHONPATH": str(Path(__file__).parent)}
    if kind == "postgresql":
        environment["TASKAPI_TEST_DATABASE_URL"] = request.getfixturevalue("postgres").new_database()
    tests = [f"tests/{name}" for name in TESTS if (previous / "tests" / name).exists()]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "newer_schema", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=previous, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
