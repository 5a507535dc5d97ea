"""The README names existing commands. tests/test_guides.py runs them."""

import re

from guides import ROOT
from surface import needs

README = (ROOT / "README.md").read_text(encoding="utf-8")


@needs("admin")
def test_documented_commands_exist(app):
    named = set(re.findall(r"`flask ([a-z]+)(?: [^`]*)?`", README))
    assert len(named) > 2
    assert named <= set(app.cli.commands) | {"db", "run"}


def test_readme_links_every_page():
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")}
    assert pages <= set(re.findall(r"\]\(([^)#]+)", README))


def test_search_of_the_tour_finds_all_tasks_of_june(owner):
    [query] = re.findall(r'"\$API/tasks(\?q=[^"]*)"', README)
    for day in ("2030-05-31", "2030-06-01", "2030-06-30", "2030-07-01"):
        owner.post("/api/v1/tasks", json={"title": "Water the plants", "due_date": day})
    found = owner.get(f"/api/v1/tasks{query}").json["items"]
    assert sorted(task["due_date"] for task in found) == ["2030-06-01", "2030-06-30"]


def test_readme_is_short():
    assert len(README.splitlines()) < 240
