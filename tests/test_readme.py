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


def test_readme_is_short():
    assert len(README.splitlines()) < 240
