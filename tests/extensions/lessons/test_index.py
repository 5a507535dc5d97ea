"""docs/jwt.md is the index of the lessons."""

import re

from guides import ROOT

from taskapi.extensions.lessons.lesson_files import COURSE, LESSONS


def test_index_has_each_lesson_in_order():
    page = (ROOT / "docs" / "jwt.md").read_text(encoding="utf-8")
    links = re.findall(r"^\| \[(\d+) .+?\]\(\.\./(.+?)\)", page, re.MULTILINE)
    folder = COURSE.relative_to(ROOT).as_posix()
    assert links == [(str(number), f"{folder}/{name}/README.md") for number, name in LESSONS.items()]
