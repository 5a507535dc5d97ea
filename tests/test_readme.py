"""The README's tour: each command runs, and answers what is printed below it."""

import re
import subprocess

import pytest

from tests.conftest import ROOT

ADDRESS = "http://127.0.0.1:8000"
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR = README.split("## A tour", 1)[1].split("\n## ", 1)[0]
STEPS = re.findall(r"```bash\n(.*?)```(?:\n+```(?:json|text)\n(.*?)```)?", TOUR, re.DOTALL)
END = "\N{END OF TRANSMISSION}"


@pytest.fixture(scope="module")
def answers(start_server, tmp_path_factory):
    """What each step of the tour printed, all of them in one shell."""
    address = start_server(TASKAPI_INSTANCE_PATH=str(tmp_path_factory.mktemp("instance")), TASKAPI_BCRYPT_ROUNDS="4")
    script = "\n".join(f"{commands}\nprintf '{END}'" for commands, _ in STEPS).replace(ADDRESS, address)
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split(END)[:-1]


def test_every_step_of_the_tour_answers_as_printed(answers):
    assert len(answers) == len(STEPS) > 12
    for (commands, printed), answer in zip(STEPS, answers, strict=True):
        pattern = re.escape(_plain(printed)).replace("…", ".*")
        assert re.fullmatch(pattern, _plain(answer), re.DOTALL), f"{commands}\nprints:\n{answer}\nnot:\n{printed}"


def test_every_answer_ends_its_line(answers):
    assert [answer for answer in answers if answer and not answer.endswith("\n")] == []


def test_the_tour_is_for_the_port_that_make_run_serves():
    assert TOUR.count(ADDRESS) == 1
    assert "PORT ?= 8000" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_commands_named_are_there(app):
    named = set(re.findall(r"`flask ([a-z]+)(?: [^`]*)?`", README))
    assert len(named) > 2
    assert named <= set(app.cli.commands) | {"db", "run"}


def _plain(text):
    """Leave wrapping aside."""
    return re.sub(r"\s", "", text)
