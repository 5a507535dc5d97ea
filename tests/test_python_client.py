"""The Python client: built, installed, type-checked, and used against a server."""

import json
import re
import secrets
import shutil
import sys
from pathlib import Path

import httpx
import pytest
from conftest import PASSWORD
from python_package import PACKAGE, ROOT, build, install, run
from surface import needs

from docs import postman, python_client
from tests.forging import SECRET

pytestmark = pytest.mark.one_database

README = PACKAGE / "README.md"
FOLDER = ROOT / "tests" / "python"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PRINTED = re.compile(r"^ *print\(.*\)  # (.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The built package."""
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The interpreter of an environment that has the package."""
    return install(wheel, tmp_path_factory.mktemp("environment"))


def test_generated_modules_are_up_to_date():
    for path, text in python_client.documents(postman.openapi()).items():
        assert path.read_text(encoding="utf-8") == text, "run `make docs`"


def test_license_is_that_of_the_repository():
    assert (PACKAGE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@pytest.fixture
def username(address):
    """A new user."""
    username = f"user-{secrets.token_hex(6)}"
    account = {"username": username, "password": PASSWORD}
    httpx.post(f"{address}/api/v1/auth/register", json=account).raise_for_status()
    return username


@pytest.mark.slow
@pytest.mark.parametrize("file", ["flows.py", "async_flows.py", "operations.py"])
def test_flows_work_with_the_installed_package(python, address, tmp_path, file):
    for source in (*FOLDER.glob("*.py"), ROOT / "tests" / "forging.py"):
        shutil.copy(source, tmp_path)
    command = [python, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", file]
    run(command, tmp_path, ADDRESS=address, SECRET=SECRET)


@pytest.mark.slow
def test_programs_pass_mypy_strict(python, tmp_path):
    check_types(python, Path(shutil.copy(FOLDER / "consumer.py", tmp_path)))


def check_types(python, file):
    """Check a program that uses the installed package."""
    command = [sys.executable, "-m", "mypy", "--strict", "--enable-error-code", "ignore-without-code"]
    run([*command, "--cache-dir", file.parent / "cache", "--python-executable", python, file], file.parent)


@pytest.mark.slow
def test_readme_blocks_print_what_their_comments_say(python, address, tmp_path):
    program = "".join(BLOCK.findall(README.read_text(encoding="utf-8")))
    file = tmp_path / "readme.py"
    file.write_text(program.replace("http://localhost:8000", address), encoding="utf-8")
    check_types(python, file)
    printed = run([python, "-W", "error", file], tmp_path, HOME=str(tmp_path))
    assert printed.splitlines() == PRINTED.findall(program)


@pytest.mark.slow
@needs("changes")
def test_example_program_stays_signed_in(python, address, username, tmp_path):
    example = ROOT / "examples" / "python" / "tasks.py"
    check_types(python, Path(shutil.copy(example, tmp_path)))
    settings = {"HOME": str(tmp_path), "TASKAPI_URL": address}

    def tasks(*words, typed=""):
        return run([python, "-W", "ignore", "tasks.py", *words], tmp_path, typed, **settings).splitlines()

    tasks("login", username, typed=f"{PASSWORD}\n")
    assert tasks("add", "Water the plants", "--due", "2030-06-01") == ["Added: Water the plants"]
    assert tasks("add", "Feed the cat") == ["Added: Feed the cat"]
    assert tasks("copy", "copy.json") == ["2 tasks, 2 changes"]
    assert tasks("list") == ["2030-06-01 Water the plants", "no date    Feed the cat"]
    assert tasks("done", "plants") == ["Done: Water the plants"]
    assert tasks("copy", "copy.json") == ["2 tasks, 1 changes"]
    assert {task["status"] for task in json.loads((tmp_path / "copy.json").read_text())["tasks"].values()} == {
        "done",
        "todo",
    }
    tasks("logout")
    with pytest.raises(AssertionError, match="Sign in first"):
        tasks("list")
