"""Extensions can be deleted: without one, or without all of them, the rest migrates, starts and passes its tests."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from taskapi.extensions import EXTENSIONS, NAMES

ROOT = Path(__file__).parents[2]
LIST = Path("taskapi", "extensions", "__init__.py")
LEFT_OUT = shutil.ignore_patterns(".*_cache", ".git", ".venv", "node_modules", "__pycache__", ".hypothesis", "instance")
START = """
from taskapi import create_app
client = create_app({"LOG_LEVEL": "error"}).test_client()
assert client.get("/readyz").status_code == 200
assert client.get("/openapi.json").status_code == 200
"""
# Unrelated extensions are deleted together, because a case takes two minutes. Each goes with those that require it
GROUPS = (
    {"account_mail", "admin", "bulk", "calendars", "csv_applications", "dev", "live_updates", "openid_accounts"}
    | {"passkeys", "reminders", "sharding"},
    {"bulk", "calendars", "csv_applications", "csv_imports", "exports", "ics_imports", "imports", "lessons"}
    | {"personal_tokens", "second_factor", "start", "web"},
    {"account_mail", "batch", "changes", "live_updates", "mail", "openid", "openid_accounts", "order", "recurrence"}
    | {"reminders", "secret_stores", "web"},
    set(NAMES),
)
CASES = [sorted(group.intersection(NAMES)) for group in GROUPS]


@pytest.fixture(scope="module")
def types(tmp_path_factory):
    """What mypy knows from an earlier case."""
    return tmp_path_factory.mktemp("types")


@pytest.mark.parametrize("names", CASES, ids="-".join)
def test_remaining_tests_pass_without_extensions(names, tmp_path, types):
    folder = tmp_path / "copy"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    delete(folder, names)
    run(folder, "-m", "docs.generate")
    run(folder, "-m", "flask", "--app", "wsgi", "db", "upgrade")
    run(folder, "-c", START)
    run(folder, "-m", "mypy", "--cache-dir", str(types))
    run(folder, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache")
    run(folder, "-m", "pytest", "-q", "-n", "auto", "-m", "not slow", "-p", "no:cacheprovider", "tests")


def test_groups_have_every_extension_and_those_that_require_it():
    assert set().union(*GROUPS[:-1]) >= set(NAMES)
    for group in GROUPS:
        assert group >= {other.name for other in EXTENSIONS if group.intersection(other.requires)}


def test_conditions_of_tests_name_existing_extensions():
    """A misspelt name would always skip its test."""
    files = [path for path in (ROOT / "tests").rglob("*.py") if path.parent.name != "python"]  # a function of its own
    sources = [path.read_text(encoding="utf-8") for path in files]
    conditions = [names for source in sources for names in re.findall(r"\bneeds\(([^()]*)\)", source)]
    named = {name for names in conditions for name in re.findall(r'"(\w+)"', names)}
    assert len(named) > 3
    assert named <= set(NAMES)


def delete(folder, names):
    """Delete extensions from a copy as their READMEs say."""
    text = (folder / LIST).read_text(encoding="utf-8")
    for name in names:
        shutil.rmtree(folder / "taskapi" / "extensions" / name)
        shutil.rmtree(folder / "tests" / "extensions" / name)
        text = text.replace(f'    "{name}",\n', "")
    (folder / LIST).write_text(text, encoding="utf-8")


def run(folder, *words):
    """Run Python in the copy, which has an instance folder and settings of its own."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("TASKAPI_")}
    tests = {
        name: value for name, value in os.environ.items() if name.startswith(("TASKAPI_TEST_", "TASKAPI_REQUIRE_"))
    }
    environment = outside | tests | {"PYTHONPATH": str(folder), "TASKAPI_INSTANCE_PATH": str(folder / "instance")}
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout[-8000:]}\n{done.stderr[-3000:]}"
