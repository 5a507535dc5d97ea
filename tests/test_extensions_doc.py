"""docs/extensions.md: an extension with an owned table is added to a copy of the code, as the page describes."""

import re
import shutil
import subprocess
import sys

import pytest
from guides import ROOT

from tests.test_contributing import ADDED, POLICY

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

PAGE = (ROOT / "docs" / "migrations.md").read_text(encoding="utf-8")
[ROW] = re.findall(r"^\| the first revision of an extension \|.*$", PAGE, re.MULTILINE)
EXTENSION = '''"""Notes."""

from taskapi.extensions import Extension
from taskapi.extensions.notes.routes import blp

EXTENSION = Extension(name="notes", blueprints=(blp,))
'''
RULES = ("architecture", "document", "isolation", "matrix", "revisions", "notes")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the code with the notes of docs/contributing.md as an extension."""
    folder = tmp_path_factory.mktemp("house")
    for name in ("taskapi", "tests", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "wsgi.py"):
        shutil.copy(ROOT / name, folder)
    package = folder / "taskapi" / "extensions" / "notes"
    package.mkdir()
    for name, text in ADDED.items():
        path = folder / name.replace("taskapi/notes", "taskapi/extensions/notes")
        path.write_text(text.replace("taskapi.notes", "taskapi.extensions.notes"), encoding="utf-8")
    (package / "__init__.py").write_text(EXTENSION, encoding="utf-8")
    change(
        package / "models.py", '    __tablename__ = "notes"\n', '    __tablename__ = "notes"\n    has_quota = False\n'
    )
    change(folder / "taskapi" / "extensions" / "__init__.py", "NAMES: Final = (\n", 'NAMES: Final = (\n    "notes",\n')
    mkdir, migrate = re.findall(r"`((?:mkdir|flask) .*?)`", ROW)
    subprocess.run(mkdir.split(), cwd=folder, check=True)
    run(folder, *migrate.split())
    [revision] = (package / "migrations").glob("*.py")
    newest = max((folder / "taskapi" / "migrations" / "versions").glob("[0-9]*.py")).name[:4]
    change(revision, "depends_on = None", f'depends_on = "{newest}"')
    change(revision, "\n\ndef downgrade", f"{POLICY}\n\ndef downgrade")
    return folder


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def run(folder, *words):
    """Run a program of the environment in the copy."""
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"


def test_extension_with_a_table_is_migrated_and_passes_the_tests_of_all_routes(copy):
    run(copy, "flask", "db", "upgrade")
    run(copy, "flask", "db", "check")
    run(copy, "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/test_{name}.py" for name in RULES))
