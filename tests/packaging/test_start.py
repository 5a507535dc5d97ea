"""A project that `flask start` wrote migrates, starts, and passes its own checks, its tour and its tests."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from guides import apply_hunks, follow
from test_deletion import ROOT, run

from taskapi.extensions import NAMES
from tests.servers import connects, free_port, wait_until

pytestmark = pytest.mark.skipif("start" not in NAMES, reason="removed: start")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new") / "shelf"
    extensions = [word for name in ("admin", "sharding") for word in ("--extension", name)]
    names = ["--name", "shelf", "--resource", "book", *extensions]
    subprocess.run([sys.executable, "-m", "flask", "--app", "wsgi", "start", folder, *names], cwd=ROOT, check=True)
    return folder


def test_new_project_passes_its_own_tests(project):
    run(project, "-m", "flask", "--app", "wsgi", "db", "upgrade")
    run(project, "-m", "flask", "--app", "wsgi", "db", "check")
    run(project, "-m", "ruff", "check")
    run(project, "-m", "ruff", "format", "--check")
    run(project, "-m", "mypy")
    run(project, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache")
    run(project, "-m", "pytest", "-q", "-n", "auto", "-m", "not slow", "-p", "no:cacheprovider")


def test_tour_of_new_project_runs(project):
    port = free_port()
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "run", "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(project)}
    with subprocess.Popen(command, cwd=project, env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: connects(port))
            [printed] = follow([project / "README.md"], f"http://127.0.0.1:{port}", {})
        finally:
            server.terminate()
    user, added, page = map(json.loads, printed.splitlines())
    assert user["username"] == "ada"
    assert page["items"] == [added]


def test_field_is_added_as_readme_of_new_project_says(project, tmp_path):
    folder = tmp_path / "shelf"
    shutil.copytree(project, folder)
    page = (folder / "README.md").read_text(encoding="utf-8")
    added = re.findall(r"^```python (\S+/\S+)\n(.+?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(added) == 2
    for name, line in added:
        text = (folder / name).read_text(encoding="utf-8").replace("PatchSchema, Text", "PatchSchema, Text, Whole")
        title = next(found for found in text.splitlines(keepends=True) if found.startswith("    title"))
        (folder / name).write_text(text.replace(title, title + line), encoding="utf-8")
    run(folder, "-m", "flask", "--app", "wsgi", "db", "migrate", "-m", "add a rating")
    run(folder, "-m", "flask", "--app", "wsgi", "db", "upgrade")
    run(folder, "-m", "flask", "--app", "wsgi", "db", "check")
    tests = [f"tests/test_{name}.py" for name in ("books", "examples", "isolation", "openapi", "revisions")]
    run(folder, "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider", "-m", "not slow", *tests)


def test_resource_is_added_as_readme_of_new_project_says(project, tmp_path):
    folder = tmp_path / "shelf"
    shutil.copytree(project, folder)
    page = (folder / "README.md").read_text(encoding="utf-8")
    section = page.split("## Add a resource")[1].split("\n## ")[0]
    for command in re.findall(r"^cp .*$", section, re.MULTILINE):
        subprocess.run(command.split(), cwd=folder, check=True)
    for path in (*(folder / "shelf" / "members").glob("*.py"), folder / "tests" / "test_members.py"):
        text = path.read_text(encoding="utf-8")
        for word in ("book", "Book", "BOOK"):
            text = text.replace(word, "MEMBER" if word.isupper() else "Member" if word.istitle() else "member")
        path.write_text(text, encoding="utf-8")
    blocks = dict(re.findall(r"^```(diff|python upgrade)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE))
    for part in blocks["diff"].split("--- ")[1:]:
        name, *hunks = part.split("\n@@\n")
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(apply_hunks(text, hunks), encoding="utf-8")
    [migrate] = re.findall(r"^\.venv/bin/flask (db migrate .*)$", section, re.MULTILINE)
    run(folder, "-m", "flask", "--app", "wsgi", *migrate.split())
    [migration] = (folder / "shelf" / "migrations" / "versions").glob("*_members.py")
    text = migration.read_text(encoding="utf-8")
    end = "\n\ndef downgrade"
    migration.write_text(text.replace(end, blocks["python upgrade"] + end), encoding="utf-8")
    run(folder, "-m", "ruff", "check", "--fix")
    run(folder, "-m", "ruff", "format")
    run(folder, "-m", "flask", "--app", "wsgi", "db", "upgrade")
    run(folder, "-m", "flask", "--app", "wsgi", "db", "check")
    run(folder, "-m", "mypy")
    run(folder, "-m", "pytest", "-q", "-n", "auto", "-m", "not slow", "-p", "no:cacheprovider")
    counter = folder / "shelf" / "resources" / "models.py"
    lines = counter.read_text(encoding="utf-8").splitlines(keepends=True)
    counter.write_text("".join(line for line in lines if not line.startswith("    members:")), encoding="utf-8")
    command = [sys.executable, "-c", "from shelf import create_app; create_app()"]
    started = subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, check=False
    )
    assert b"TypeError: Member has no quota" in started.stderr
