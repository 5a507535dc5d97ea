"""`flask start`."""

import keyword
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from taskapi.cli.command import Command
from taskapi.extensions import NAMES
from taskapi.extensions.start.new_project import ROOT, Names, plural_of, write_project
from taskapi.extensions.start.parts import EXTENSIONS

# Words that the core uses for something else
TAKEN = re.compile(
    "(account|admin|answer|audit|auth|change|client|counter|database|error|extension|health|index|key|list|migration|object|"
    "owner|permission|problem|request|resource|response|role|session|setting|test|token|tombstone|type|user|version)s?"
)


def _check_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Accept a name of a package that does not exist yet."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value) or keyword.iskeyword(value):
        raise click.BadParameter("Must have lower-case letters, digits and underscores, such as shelf.")
    if value in sys.stdlib_module_names or find_spec(value):
        raise click.BadParameter(f"A Python package {value} exists. Choose another name.")
    return value


def _check_word(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Accept a noun that can be the name of a table and of a package."""
    if value is not None and (not re.fullmatch(r"[a-z]+", value) or keyword.iskeyword(value)):
        raise click.BadParameter("Must have lower-case letters only, such as book.")
    if value and TAKEN.fullmatch(value):
        raise click.BadParameter(f"The core uses the word {value}. Choose another one.")
    return value


@click.command("start", cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", required=True, callback=_check_name, help="The name of the package, such as shelf.")
@click.option(
    "--resource", required=True, callback=_check_word, help="What users have in place of tasks, such as book."
)
@click.option("--plural", callback=_check_word, help="Its plural, if that is irregular: leaves for leaf.")
@click.option(
    "--extension", "extensions", multiple=True, type=click.Choice(EXTENSIONS), help="An extension to keep. Repeatable."
)
def start(path: Path, name: str, resource: str, plural: str | None, extensions: tuple[str, ...]) -> None:
    """Write a new project to the folder PATH: the core, with one resource in place of tasks.

    It is code to change, and no longer connected to this project.
    """
    if not (ROOT / "docs" / "contributing.md").is_file():
        raise click.ClickException("This command needs a checkout, with tests and documents.")
    if missing := set(extensions) - set(NAMES):
        raise click.ClickException(f"This checkout has no extension {', '.join(sorted(missing))}.")
    if path.exists():
        raise click.ClickException(f"{path} exists. Nothing was changed. Name another folder.")
    plural = plural or plural_of(resource)
    if plural == resource:
        raise click.BadParameter("Must differ from the resource. Choose another one.", param_hint="--plural")
    formatted = find_spec("ruff") is not None
    existing = next(folder for folder in path.absolute().parents if folder.is_dir())
    with TemporaryDirectory(prefix="start-", dir=existing) as temporary:
        project = Path(temporary, path.name)
        write_project(project, Names(name, resource, plural), extensions)
        if formatted:
            _format(project)
        path.parent.mkdir(parents=True, exist_ok=True)
        project.rename(path)
    click.echo(f"Wrote {path}. Read its README.md, and run `make run` there.")
    if not formatted:
        click.echo("The new names change the order of imports: run `make format`.")


def _format(project: Path) -> None:
    """Sort the imports and wrap the lines, which the new names change."""
    for words in (("check", "--fix", "--output-format=concise"), ("format",)):
        command = [sys.executable, "-m", "ruff", *words, "--quiet", "--no-cache"]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            first, *_ = (done.stdout + done.stderr).splitlines() or [""]
            raise click.ClickException(f"Nothing was written, because ruff rejects the new project: {first}")
