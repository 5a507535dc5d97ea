"""The README names commands that there are; that they run as it says, tests/test_guides.py tells."""

import re

from guides import ROOT
from surface import needs

README = (ROOT / "README.md").read_text(encoding="utf-8")


@needs("admin")
def test_the_commands_named_are_there(app):
    named = set(re.findall(r"`flask ([a-z]+)(?: [^`]*)?`", README))
    assert len(named) > 2
    assert named <= set(app.cli.commands) | {"db", "run"}


def test_it_leads_to_every_page():
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")}
    assert pages <= set(re.findall(r"\]\(([^)#]+)", README))


def test_it_stays_short():
    assert len(README.splitlines()) < 240
