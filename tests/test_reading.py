"""docs/reading.md: its files exist, are short enough together, and are each introduced in two sentences."""

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "reading.md"
MAX_LINES = 1_800
TEXT = PAGE.read_text(encoding="utf-8")
# Number, path, and what the page says about the file
ENTRIES = re.findall(
    r"^(\d+)\. \[[^]]+\]\(([^)]+)\): (.*?)(?=^\d+\. |^## )", TEXT.split("## The path")[1], re.DOTALL | re.MULTILINE
)


def test_reading_path_is_numbered_and_has_12_to_18_files():
    assert [int(number) for number, _, _ in ENTRIES] == list(range(1, len(ENTRIES) + 1))
    assert 12 <= len(ENTRIES) <= 18
    assert len({path for _, path, _ in ENTRIES}) == len(ENTRIES)


def test_reading_path_is_at_most_1800_lines():
    lines = {path: len((PAGE.parent / path).read_text(encoding="utf-8").splitlines()) for _, path, _ in ENTRIES}
    assert sum(lines.values()) <= MAX_LINES, lines


def test_every_file_is_introduced_in_two_sentences():
    for _, path, text in ENTRIES:
        words = re.sub(r"`[^`]*`|\(\S*\)", "x", " ".join(text.split()))
        assert len(re.findall(r"[^.?!]+[.?!](?: |$)", words)) == 2, path


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", TEXT)
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


def test_functions_that_the_page_names_exist():
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (PAGE.parent.parent / "taskapi").rglob("*.py"))
    names = set(re.findall(r"`([a-z_]+_[a-z_]+)`", TEXT))
    assert [name for name in sorted(names) if not re.search(rf"\bdef {name}\b", sources)] == []


def test_commands_use_the_environment_of_the_project():
    commands = re.findall(r"`([^`]*pytest [^`]*)`", TEXT)
    assert [command.split()[0] for command in commands] == [".venv/bin/pytest"]
    assert all((PAGE.parent.parent / command.split()[-1]).is_file() for command in commands)
