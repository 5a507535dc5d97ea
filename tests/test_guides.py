"""The guides: each command of theirs runs, in order, against a real server, and answers what is printed below it."""

import re

import pytest
from guides import ADDRESS, PAGES, ROOT, follow, matches, steps_of
from surface import needs

from taskapi.security.keys import ALGORITHMS

pytestmark = pytest.mark.slow

GUIDES = ["README.md", "docs/jwt.md", "docs/keys.md", "docs/exchange.md"]
ELSEWHERE = {"docs/operations.md": "test_operations_doc.py"}  # beside what each of its commands needs
USED = {"docs/jwt.md": ["admin"], "docs/exchange.md": ["transfer"]}  # extensions
SERVER = {"TASKAPI_BCRYPT_ROUNDS": "4"}


@pytest.fixture(scope="module", params=[pytest.param(page, marks=needs(*USED.get(page, []))) for page in GUIDES])
def guide(request):
    return ROOT / request.param


@pytest.fixture(scope="module")
def answers(guide, start_server, tmp_path_factory):
    """What each step of the guide printed, all of them in one shell, beside a server of the guide's own."""
    environment = {**SERVER, "TASKAPI_INSTANCE_PATH": str(tmp_path_factory.mktemp("instance"))}
    return follow(guide, start_server(**environment), environment)


def test_every_step_answers_as_printed(guide, answers):
    steps = steps_of(guide)
    assert len(answers) == len(steps) > 0
    for (commands, printed), answer in zip(steps, answers, strict=True):
        assert matches(printed, answer), f"{commands}\nprints:\n{answer}\nnot:\n{printed}"


def test_every_answer_ends_its_line(answers):
    assert [answer for answer in answers if answer and not answer.endswith("\n")] == []


def test_it_is_for_the_port_that_make_run_serves(guide):
    assert ADDRESS in guide.read_text(encoding="utf-8") or guide.name == "keys.md"  # which needs no server
    assert "PORT ?= 8000" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_an_answer_that_differs_is_noticed():
    assert matches('{"id":"…",\n "a":1}\n', '{"id":"x", "a":1}')
    assert not matches('{"id":"…","a":1}', '{"id":"x","a":2}')
    assert not matches("", "more than was printed")


def test_no_page_has_commands_that_are_not_run():
    pages = {page.relative_to(ROOT).as_posix() for page in PAGES if steps_of(page)}
    assert pages == {*GUIDES, *ELSEWHERE}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_block_says_what_it_is(page):
    """Commands that need what a test has not, say a machine of one's own, are `console`."""
    fences = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("```")]
    assert [line for line in fences[::2] if line == "```"] == []


def test_the_page_on_jwt_measures_every_algorithm():
    rows = re.findall(r"^\| `(\w+)` \| \d+ \|", (ROOT / "docs" / "jwt.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(ALGORITHMS)
