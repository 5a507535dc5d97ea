"""`flask start`: a project of the core with a resource of its own. tests/packaging runs the tests of such a project."""

import os
import re
import subprocess
import sys

import pytest
from conftest import TEST_DATABASE_URL

from taskapi.extensions import NAMES
from taskapi.extensions.start import new_project
from taskapi.extensions.start.new_project import Names, plural_of, renamed
from taskapi.extensions.start.parts import EXTENSIONS, LICENSE

CHECK = """
import re
from pathlib import Path
from shelf import create_app
from shelf.config import PREFIX, SETTINGS
client = create_app({"LOG_LEVEL": "error", "BCRYPT_ROUNDS": 4}).test_client()
assert client.get("/readyz").status_code == 200
assert client.get("/", follow_redirects=True).request.path == "/docs/"
ada = {"username": "ada", "password": "correct horse battery staple"}
assert client.post("/api/v1/auth/register", json=ada).status_code == 201
token = client.post("/api/v1/auth/login", json=ada).json["access_token"]
bearer = {"Authorization": f"Bearer {token}"}
book = client.post("/api/v1/books", json={"title": "Notes on the engine"}, headers=bearer)
assert client.get(book.headers["Location"], headers=bearer).json == book.json
shown = re.findall(r"^#(\\w+)=", Path(".env.example").read_text(encoding="utf-8"), re.MULTILINE)
assert shown == [f"{PREFIX}{name}" for name in SETTINGS], {*shown} ^ {f"{PREFIX}{name}" for name in SETTINGS}
print(*sorted({path.split("/")[3] for path in client.get("/openapi.json").json["paths"] if path.startswith("/api")}))
"""

LINK = r"\]\((?!\w+:)([^)#\s]+)"
TEXTS = {".py", ".md", ".cfg", ".in", ".txt", ".toml", ".example"}


@pytest.fixture(scope="module")
def start(app):
    runner = app.test_cli_runner()
    return lambda *words: runner.invoke(args=["start", *map(str, words)])


@pytest.fixture(scope="module")
def project(start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("start") / "shelf"
    extensions = [word for name in EXTENSIONS if name in NAMES for word in ("--extension", name)]
    result = start(folder, "--name", "shelf", "--resource", "book", *extensions)
    assert result.exit_code == 0, result.output
    return folder


@pytest.mark.slow
def test_project_serves_its_resource(project):
    outside = {name: value for name, value in os.environ.items() if not name.startswith("SHELF_")}
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=project,
        env=outside | {"PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [*(["admin"] if "admin" in NAMES else []), "auth", "books", "me"]


@pytest.mark.slow
@pytest.mark.skipif(TEST_DATABASE_URL is None, reason="packaging runs all tests of a new project on SQLite")
def test_project_passes_its_tests_of_owners_on_postgresql(project):
    files = ["tests/test_row_security.py", "tests/test_isolation.py", "tests/test_revisions.py", "tests/test_books.py"]
    environment = {"SHELF_TEST_DATABASE_URL": TEST_DATABASE_URL, "PYTHONPATH": str(project)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=project,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "no row-level security" not in done.stdout


def test_project_does_not_mention_tasks(project):
    files = [path for path in project.rglob("*") if path.is_file() and "instance" not in path.parts]
    assert len(files) > 100
    named = [path for path in files if path.suffix != ".pyc" and "task" in path.name]
    texts = {path: path.read_text(encoding="utf-8") for path in files if path.suffix != ".pyc" and path.name != LICENSE}
    assert named == []
    assert [path for path, text in texts.items() if "task" in text.lower()] == []
    assert [path for path, text in texts.items() if re.search(r"from shelf\.(labels|projects)", text)] == []


def test_project_refers_only_to_what_it_has(project):
    texts = {path: path.read_text(encoding="utf-8") for path in project.rglob("*.*") if path.suffix in TEXTS}
    links = [path.parent / link for path in texts if path.suffix == ".md" for link in re.findall(LINK, texts[path])]
    pages = [project / page for text in texts.values() for page in re.findall(r"\bdocs/[\w/-]+\.\w+", text)]
    assert [path for path in (*links, *pages) if not path.exists()] == []
    made = {target for text in texts.values() for target in re.findall(r"`make ([a-z-]+)", text)}
    targets = re.findall(r"^([a-z-]+):", (project / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert made <= {*targets}
    assert [path for path, text in texts.items() if ".ci/" in text] == []


def test_project_has_only_named_extensions(project):
    folders = {path.name for path in (project / "shelf" / "extensions").iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders == {*EXTENSIONS} & {*NAMES}


def test_project_has_its_own_readme(project):
    assert (project / "README.md").read_text(encoding="utf-8").startswith("# Shelf\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--name", "Shelf", "--resource", "book"], "Must have lower-case letters"),
        (["--name", "flask", "--resource", "book"], "A Python package flask exists."),
        (["--name", "json", "--resource", "book"], "A Python package json exists."),
        (["--name", "shelf", "--resource", "class"], "Must have lower-case letters only"),
        (["--name", "shelf", "--resource", "user"], "The core uses the word user"),
        (["--name", "shelf", "--resource", "index"], "The core uses the word index"),
        (["--name", "shelf", "--resource", "book", "--plural", "sessions"], "The core uses the word sessions"),
        (["--name", "shelf", "--resource", "sheep", "--plural", "sheep"], "Must differ from the resource."),
        (["--name", "shelf", "--resource", "book", "--extension", "web"], "'web' is not one of"),
        (["--name", "shelf"], "Missing option '--resource'"),
    ],
)
def test_start_rejects(start, tmp_path, words, message):
    result = start(tmp_path / "new", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "new").exists()


def test_start_never_overwrites(start, tmp_path):
    result = start(tmp_path, "--name", "shelf", "--resource", "book")
    assert (result.exit_code, "Nothing was changed." in result.output) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_start_leaves_nothing_when_ruff_rejects_the_project(start, tmp_path, monkeypatch):
    monkeypatch.setitem(new_project.EDITS, "wsgi.py", (("from taskapi import create_app", "from from taskapi"),))
    result = start(tmp_path / "new" / "shelf", "--name", "shelf", "--resource", "book")
    assert result.exit_code == 1
    assert result.output.startswith("Error: Nothing was written, because ruff rejects the new project: wsgi.py:")
    assert len(result.output.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_change_of_the_core_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setitem(new_project.EDITS, "wsgi.py", (("a line that was removed", ""),))
    with pytest.raises(LookupError, match=r"wsgi.py has 0 times: a line that was removed"):
        new_project.write_project(tmp_path / "new", Names("shelf", "book", "books"), ())


def test_names_keep_case_plural_and_article():
    names = Names("my_shelf", "entry", "entries")
    text = "Task API: a task, A task, two tasks, TASKS, Tasks, TaskSchema, TASKAPI_ENV, taskapi.tasks"
    assert renamed(text, names) == (
        "My shelf: an entry, An entry, two entries, ENTRIES, Entries, EntrySchema, MY_SHELF_ENV, my_shelf.entries"
    )


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("book", "books"), ("category", "categories"), ("day", "days"), ("box", "boxes"), ("batch", "batches")],
)
def test_plural_of_noun_is_regular(noun, plural):
    assert plural_of(noun) == plural
