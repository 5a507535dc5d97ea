"""The documents: generated ones are up to date, and every link has a target."""

import re

import pytest
from dotenv import dotenv_values
from guides import PAGES, ROOT

from docs.generate import documents
from taskapi.config.sources import load_settings

LINK = re.compile(r"(?:\]\(|src(?:set)?=\")(?!https?:)([^)#\s\"]*)(?:#([^)\s\"]+))?[)\"]")
BLOCK = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_generated_document_is_up_to_date(path):
    assert path.read_text(encoding="utf-8") == documents()[path], "run `make docs`, or `python -m docs.generate`"


@pytest.mark.parametrize("name", ["settings.md", "errors.md"])
def test_rows_of_generated_tables_have_the_cells_of_their_heading(name):
    lines = [line for line in (ROOT / "docs" / name).read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    assert [line for line, number in zip(lines, cells, strict=True) if number != cells[0]] == []


def test_example_environment_shows_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = re.sub(r"(?m)^#(?=TASKAPI_)", "", (ROOT / ".env.example").read_text(encoding="utf-8"))
    (tmp_path / ".env").write_text(shown, encoding="utf-8")
    assert dotenv_values(tmp_path / ".env")
    default = load_settings({}, str(tmp_path))
    (tmp_path / ".env").unlink()
    assert load_settings({}, str(tmp_path)) == default


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_has_a_target(page):
    broken = []
    for path, anchor in LINK.findall(text_of(page)):
        target = page.parent / path if path else page
        if is_removed(target):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}")
    assert broken == []


def text_of(page):
    """A page without its code."""
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def anchors(page):
    """Return the anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_index_of_decisions_is_complete():
    folder = ROOT / "docs" / "adr"
    listed = re.findall(r"\]\((.+?)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert listed == sorted(path.name for path in folder.glob("0*.md"))


def test_every_test_that_a_page_names_is_there():
    named = {
        found
        for page in PAGES
        for found in re.findall(r"`((?:\w+/)?test_\w+\.py)::(\w+)`", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 80
    named = {(file, name) for file, name in named if not is_removed(path_of(file))}
    tests = {file: path_of(file).read_text(encoding="utf-8") for file, _ in named}
    assert [f"{file}::{name}" for file, name in sorted(named) if f"def {name}(" not in tests[file]] == []


def path_of(file):
    """Return the path of a test file that a page names; `admin/test_x.py` belongs to the extension `admin`."""
    return ROOT / "tests" / ("extensions" if "/" in file else ".") / file


def is_removed(path):
    """Return whether a path is in the folder of an extension that was removed from this checkout."""
    folder = re.search(r"/(?:taskapi|tests)/extensions/(\w+)/", path.resolve().as_posix())
    return folder is not None and not (ROOT / "taskapi" / "extensions" / folder[1]).exists()


def test_no_requirement_is_judged_twice():
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    judged = [
        number
        for row in re.findall(r"^\| (V[^|]+)\|", page, re.MULTILINE)
        for number in re.findall(r"V\d+\.\d+\.\d+", row)
    ]
    assert len(judged) > 90
    assert len(judged) == len(set(judged))
