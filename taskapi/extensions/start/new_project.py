"""Write a new project: copy the core, replace tasks by the resource of docs/contributing.md, and rename."""

import re
import shutil
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

import taskapi
from taskapi.config import PREFIX
from taskapi.extensions import NAMES
from taskapi.extensions.start.parts import COPIED, CUT, EDITS, EXTENSION_EDITS, LICENSE, REMOVED, TESTS

ROOT: Final = Path(taskapi.__file__).parents[1]
NEW: Final = Path(__file__).with_name("new")
IGNORED: Final = shutil.ignore_patterns("__pycache__", ".*_cache")
GUIDE: Final = re.compile(r"^```python (\S+/\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Names(NamedTuple):
    """The names of a new project: its package, its resource, and the plural of the resource."""

    package: str
    resource: str
    plural: str


def plural_of(noun: str) -> str:
    """Return the regular plural of an English noun."""
    if re.search(r"[^aeiou]y$", noun):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if re.search(r"([sxz]|ch|sh)$", noun) else f"{noun}s"


def write_project(folder: Path, names: Names, extensions: tuple[str, ...]) -> None:
    """Write a project to a new folder. Raises LookupError if the core lacks a text that must be replaced."""
    _copy_core(folder, extensions)
    _remove_tasks(folder, extensions)
    _remove_settings(folder, extensions)
    _add_resource(folder)
    for path in [path for path in folder.rglob("*") if path.is_file() and path.name != LICENSE]:
        path.write_text(renamed(path.read_text(encoding="utf-8"), names), encoding="utf-8")
    for path in sorted(folder.rglob("*task*"), reverse=True):  # a folder after what is in it
        path.rename(path.with_name(renamed(path.name, names)))


def renamed(text: str, names: Names) -> str:
    """Return a text with the names of the new project."""
    title = names.package.replace("_", " ").capitalize()
    text = text.replace("TASKAPI", names.package.upper()).replace("taskapi", names.package).replace("Task API", title)
    if names.resource[0] in "aeiou":
        text = re.sub(r"\b([Aa]) (?=task)", r"\1n ", text)
    for old, new in (("task", names.resource), ("Task", names.resource.capitalize()), ("TASK", names.resource.upper())):
        plural = names.plural.upper() if old.isupper() else names.plural
        plural = plural.capitalize() if old.istitle() else plural
        text = text.replace(f"{old}{'S' if old.isupper() else 's'}", plural).replace(old, new)
    return text


def _copy_core(folder: Path, extensions: tuple[str, ...]) -> None:
    for name in (*COPIED, *(f"tests/{name}" for name in TESTS)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=IGNORED)
        else:
            shutil.copyfile(ROOT / name, folder / name)
    (folder / "instance").mkdir()
    (folder / "instance" / ".gitkeep").touch()
    for name in extensions:
        shutil.copytree(ROOT / "tests" / "extensions" / name, folder / "tests" / "extensions" / name, ignore=IGNORED)


def _remove_tasks(folder: Path, extensions: tuple[str, ...]) -> None:
    optional = [path for path in (folder / "taskapi" / "extensions").iterdir() if path.is_dir()]
    unwanted = [path for path in optional if path.name not in extensions]
    for path in (*(folder / name for name in REMOVED), *unwanted):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    unnamed = [(f'    "{name}",\n', "") for name in NAMES if name not in extensions]
    kept = {name: edits for extension in extensions for name, edits in EXTENSION_EDITS.get(extension, {}).items()}
    for name, edits in {**EDITS, **kept, "taskapi/extensions/__init__.py": unnamed}.items():
        text = (folder / name).read_text(encoding="utf-8")
        for old, new in edits:
            if text.count(old) != 1:
                raise LookupError(f"{name} has {text.count(old)} times: {old}")
            text = text.replace(old, new)
        (folder / name).write_text(text, encoding="utf-8")
    for name, first, last in CUT:
        text = (folder / name).read_text(encoding="utf-8")
        start, end = text.find(first), text.find(last)
        if not 0 <= start < end:
            raise LookupError(f"{name} lacks: {first} … {last}")
        (folder / name).write_text(text[:start] + text[end:], encoding="utf-8")


def _remove_settings(folder: Path, extensions: tuple[str, ...]) -> None:
    """Remove the settings of the other extensions from .env.example, where an empty line follows each setting."""
    unwanted = [import_module(f"taskapi.extensions.{name}").EXTENSION for name in NAMES if name not in extensions]
    declared = [field for extension in unwanted if extension.settings for field in fields(extension.settings)]
    removed = {f"{PREFIX}{field.name.upper()}" for field in declared}
    example = folder / ".env.example"
    parts = example.read_text(encoding="utf-8").rstrip().split("\n\n")
    kept = [part for part in parts if part.rsplit("\n#", 1)[-1].split("=")[0] not in removed]
    example.write_text("\n\n".join(kept) + "\n", encoding="utf-8")


def _add_resource(folder: Path) -> None:
    """Add the notes of docs/contributing.md as tasks, and the files that only a new project has."""
    page = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    for name, code in GUIDE.findall(page):
        path = folder / _as_tasks(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(_as_tasks(code), encoding="utf-8")
    for name in ("README.md", "Makefile", "tests/test_quota.py", "tests/test_row_security.py"):
        shutil.copyfile(NEW / Path(name).name, folder / name)
    migration = folder / "taskapi" / "migrations" / "versions" / "0001_first_release.py"
    _, code = (NEW / "migration.py").read_text(encoding="utf-8").split("\n\n\n", 1)
    text = migration.read_text(encoding="utf-8")
    migration.write_text(text.replace("\n\ndef _enable_row", f"\n\n{code}\n\ndef _enable_row"), encoding="utf-8")


def _as_tasks(text: str) -> str:
    for old, new in (("note", "task"), ("Note", "Task"), ("NOTE", "TASK")):
        text = text.replace(old, new)
    return text
