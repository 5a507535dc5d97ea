"""`flask lesson start | check | show`."""

import ast
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click

from taskapi.cli.command import Group
from taskapi.extensions.lessons.lesson_files import LESSONS, PLACES, SOURCES, line_of, start_lesson

TEST_SECONDS = 60
FLASK = Path(sys.executable).with_name("flask")
WSGI = SOURCES.parent / "wsgi"  # in the folder of a lesson, `flask` alone would load the app.py there
_number = click.argument("number", type=click.IntRange(1, len(LESSONS)))


@click.group("lesson", cls=Group)
def lesson() -> None:
    """Learn JWT by small applications whose tests fail at first."""


@lesson.command()
@_number
@click.argument("path", type=click.Path(path_type=Path), required=False)
def start(number: int, path: Path | None) -> None:
    """Copy a lesson to a new folder: PATH, or lesson-NUMBER."""
    folder = path or Path(f"lesson-{number}")
    try:
        start_lesson(number, folder)
    except FileExistsError:
        raise click.ClickException(f"{folder} exists. Nothing was changed. Name another folder.") from None
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be created: {error.strerror}.") from None
    click.echo(f"Read {folder / 'README.md'}, and change {folder / 'app.py'}.")
    click.echo(f"`{FLASK} lesson check {folder}` says what is missing.")
    click.echo(f"Inside {folder}, type `{FLASK} --app {WSGI} lesson check`.")


@lesson.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
def check(path: Path | None) -> None:
    """Run the tests of a lesson, and say what is missing.

    Without PATH, it checks the current folder if that is a lesson, or else `lesson-NUMBER` with the highest number.
    """
    if find_spec("pytest") is None:
        raise click.ClickException("Checking needs pytest, which `make lesson` installs.")
    folder = path or _find_latest()
    if not Path(folder, "test_lesson.py").is_file():
        raise click.ClickException(f"{folder} is not the folder of a lesson: it has no test_lesson.py.")
    missing = _find_missing(folder)
    if missing:
        click.echo(f"Missing: {missing}")
        click.echo(f"`{sys.executable} -m pytest -qx {folder}` shows the values of the test, and the errors of app.py.")
        raise SystemExit(1)
    click.echo("All tests pass. Now run attack.py: each attack fails.")


@lesson.command()
@_number
def show(number: int) -> None:
    """Show which functions of Task API do the work of a lesson."""
    for place in PLACES[number]:
        click.echo(f"taskapi/{place.path}:{line_of(place)}  {place.function}: {place.work}")


def _find_latest() -> Path:
    if Path("test_lesson.py").is_file():
        return Path()
    folders = [Path(f"lesson-{number}") for number in reversed(LESSONS)]
    for folder in folders:
        if folder.is_dir():
            return folder
    raise click.ClickException("There is no folder lesson-1 here. Start with `flask lesson start 1`, or name a folder.")


def _find_missing(folder: Path) -> str | None:
    """Return the docstring of the first test that fails, or None if all pass."""
    with tempfile.TemporaryDirectory() as reports:
        report = Path(reports, "report.xml")
        command = [sys.executable, "-m", "pytest", "-qx", f"--junitxml={report}", "test_lesson.py"]
        fast = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        try:
            done = subprocess.run(  # noqa: S603 - the learner's own code
                command, cwd=folder, env=fast, capture_output=True, text=True, check=False, timeout=TEST_SECONDS
            )
        except subprocess.TimeoutExpired:
            return f"app.py must finish its tests within {TEST_SECONDS} seconds."
        if not report.is_file():
            raise click.ClickException(f"pytest did not run: {(done.stderr or done.stdout).strip()}")
        cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - pytest wrote it
        failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return _describe(folder, failed[0]) if failed else None


def _describe(folder: Path, case: Any) -> str:
    """Return what a test requires, in one sentence."""
    tree = ast.parse((folder / "test_lesson.py").read_text(encoding="utf-8"))
    docstrings = {node.name: ast.get_docstring(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    name = case.get("name", "").partition("[")[0]
    return docstrings.get(name) or "app.py must be importable."
