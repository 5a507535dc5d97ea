"""docs/contributing.md: the resource of the page is added to a copy of the code, works, and follows the rules."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from guides import ROOT, apply_hunks

from tests.conftest import TEST_DATABASE_URL

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
ADDED = dict(re.findall(r"^```python (\S+/\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
POLICY = re.search(r"^```python upgrade\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1]
DIFF = re.search(r"^```diff\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1]
COMMANDS = re.findall(r"^\.venv/bin/flask (db .*?)(?: *#.*)?$", PAGE, re.MULTILINE)
FOLDERS = ("taskapi", "tests", "docs")
FILES = ("setup.cfg", ".ruff.toml", "wsgi.py")
RULES = (
    "notes.py",
    "isolation.py",
    "matrix.py",
    "row_security.py::test_every_table_that_has_owners_is_known_here",
    "row_security.py::test_each_table_has_no_policy_but_its_owners",
    "document.py",
    "revisions.py",
    "account.py",
    "examples.py",
    "migrations.py::test_core_history_is_one_branch",
    "migrations.py::test_each_step_can_be_taken_back_and_forth",
    "migrations.py::test_migrations_build_the_schema_of_the_models",
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the code with the files, changes and migration of the page."""
    folder = tmp_path_factory.mktemp("house")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    for name, text in ADDED.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for part in DIFF.split("--- ")[1:]:
        name, *hunks = part.split("\n@@\n")
        (folder / name).write_text(apply_hunks((folder / name).read_text(encoding="utf-8"), hunks), encoding="utf-8")
    for command in COMMANDS:
        run(folder, "flask", *command.split())
        if "migrate" in command:
            (migration,) = (folder / "taskapi" / "migrations" / "versions").glob("*_notes.py")
            text = migration.read_text(encoding="utf-8")
            migration.write_text(text.replace("\n\ndef downgrade", f"{POLICY}\n\ndef downgrade"), encoding="utf-8")
    return folder


def run(folder, *words):
    """Run a program of the environment in the copy."""
    database = {"TASKAPI_TEST_DATABASE_URL": TEST_DATABASE_URL} if TEST_DATABASE_URL else {}
    command, env = [sys.executable, "-m", *words], {**os.environ, **database}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"


def test_documented_commands_exist():
    assert [command.split()[1] for command in COMMANDS] == ["migrate", "upgrade", "check"]


def test_its_tests_pass_and_those_that_hold_for_every_route(copy):
    run(copy, "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/test_{name}" for name in RULES))


def test_example_resource_passes_lint_and_types(copy):
    run(copy, "ruff", "check", "taskapi")
    run(copy, "ruff", "format", "--check", "taskapi/notes", "taskapi/__init__.py", "tests/test_notes.py")
