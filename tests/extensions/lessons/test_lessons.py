"""`flask lesson`: each lesson starts red for its stated reason, its solution is green, and its attacks stop working."""

import ast
import json
import re
import runpy
import shutil
import subprocess
import sys
from difflib import ndiff
from threading import Thread

import pytest
from conftest import ROOT, program
from werkzeug.serving import make_server

from taskapi.extensions.lessons.lesson_files import COURSE, LESSONS, PLACES, line_of, start_file

pytestmark = pytest.mark.one_database

# What `flask lesson check` says at the start of each lesson
MISSING = {
    1: "Missing: POST /login responds 401 to a wrong password.",
    2: "Missing: A token has three parts, separated by dots: header, claims and signature.",
    3: "Missing: A token of POST /login has the claims iss, aud, sub, role, iat and exp.",
    4: "Missing: The key must be one that a list of eight common secrets does not contain.",
    5: "Missing: GET /tasks lists only the tasks whose owner is the claim sub of the token.",
    6: "Missing: A viewer may read tasks, and gets 403 from POST /tasks, DELETE /tasks/ID and GET /users.",
    7: "Missing: POST /refresh returns a new refresh token beside the new access token.",
    8: "Missing: After POST /logout with a token, GET /me responds 401 to it.",
    9: "Missing: The cookie is HttpOnly, so that scripts cannot read it.",
    10: "Missing: GET /.well-known/jwks.json shows public keys only: no key has a member k or d, which are secret.",
}
# Texts that the commands of a lesson print: how often at the start, and how often with the solution
BY_HAND = {
    1: {'"token"': (1, 1)},
    5: {'"grace"': (1, 0), '"ada"': (1, 1)},
    6: {'"role":"admin"': (1, 0), '"role":"viewer"': (0, 1)},
    7: {"200\n": (2, 1), "401\n": (0, 1)},
    8: {"204\n200\n": (1, 0), "204\n401\n": (0, 1)},
    9: {"201\n": (1, 0), "403\n": (0, 1), "Access-Control-Allow-Origin": (1, 0), "Tasks of ada": (1, 1)},
    10: {'"k":': (1, 0), '"kid":': (0, 1)},
}
GREEN = "All tests pass. Now run attack.py: each attack fails."


@pytest.fixture
def flask(app, tmp_path, monkeypatch):
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    runner = app.test_cli_runner()
    return lambda *words: runner.invoke(args=["lesson", *map(str, words)])


def solve(number, folder):
    shutil.copy(COURSE / LESSONS[number] / "solution.py", folder / "app.py")


def attack(folder):
    """Run the attacks from outside their folder, as the lessons say; return the results by name."""
    command = [sys.executable, folder / "attack.py"]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=True)
    return dict(line.split(": ") for line in done.stdout.splitlines())


def run_commands(number, file, **settings):
    """Serve an application, run the commands of a lesson that send requests, and return their output."""
    app = runpy.run_path(str(file))["app"]
    app.config.update(settings)
    page = (COURSE / LESSONS[number] / "README.md").read_text(encoding="utf-8")
    [block] = [block for block in re.findall(r"```console\n(.+?)```", page, re.DOTALL) if "curl" in block]
    certificate = "adhoc" if "https://127.0.0.1" in block else None
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=certificate)
    Thread(target=server.serve_forever).start()
    script = block.replace("5050", str(server.server_port))
    try:
        command = [program("bash"), "-c", script]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize("number", LESSONS)
def test_lesson_is_red_at_start_and_green_with_solution(flask, tmp_path, number):
    assert flask("start", number).exit_code == 0
    red = flask("check")
    assert (red.exit_code, red.output.splitlines()[0]) == (1, MISSING[number])
    solve(number, tmp_path / f"lesson-{number}")
    green = flask("check")
    assert (green.exit_code, green.output) == (0, f"{GREEN}\n")


@pytest.mark.slow
@pytest.mark.parametrize("number", LESSONS)
def test_attacks_succeed_at_start_and_fail_on_solution(flask, tmp_path, number):
    folder = tmp_path / "here"
    assert flask("start", number, folder).exit_code == 0
    before = attack(folder)
    assert set(before.values()) == {"succeeds"}
    solve(number, folder)
    assert attack(folder) == dict.fromkeys(before, "fails")


@pytest.mark.parametrize("number", [number for number in LESSONS if number > 1])
def test_lesson_starts_from_the_previous_solution(flask, tmp_path, number):
    flask("start", number)
    folder = tmp_path / f"lesson-{number}"
    introduction = " ".join((folder / "README.md").read_text(encoding="utf-8").partition("##")[0].split())
    own = COURSE / LESSONS[number] / "start.py"
    previous = COURSE / LESSONS[number - 1] / "solution.py"
    assert (folder / "app.py").read_bytes() == (own if own.exists() else previous).read_bytes()
    assert f"starts from the solution of lesson {number - 1}{' with ' if own.exists() else '.'}" in introduction


def test_start_of_lesson_4_differs_in_the_key_only():
    solution, start = (COURSE / name for name in ("3_strict/solution.py", "4_secrets/start.py"))
    lines = ndiff(*(path.read_text(encoding="utf-8").splitlines() for path in (solution, start)))
    assert [line[:23] for line in lines if line[0] in "+-"] == [
        "- import secrets",
        *['- app.config["KEY"] = s', '+ app.config["KEY"] = b'],
    ]


def test_start_copies_all_that_a_learner_needs(flask, tmp_path):
    said = flask("start", 1).output
    assert {path.name for path in (tmp_path / "lesson-1").iterdir()} == {
        "app.py",
        "README.md",
        "test_lesson.py",
        "attack.py",
        "pytest.ini",
    }
    assert "flask lesson check lesson-1` says what is missing." in said


def test_start_never_overwrites(flask, tmp_path):
    flask("start", 1)
    app = tmp_path / "lesson-1" / "app.py"
    app.write_text("mine", encoding="utf-8")
    again = flask("start", 1)
    assert (again.exit_code, again.output) == (
        1,
        "Error: lesson-1 exists. Nothing was changed. Name another folder.\n",
    )
    (tmp_path / "empty").mkdir()
    assert flask("start", 2, "empty").exit_code == 1
    assert app.read_text(encoding="utf-8") == "mine"
    assert list((tmp_path / "empty").iterdir()) == []


def test_check_reports_file_that_cannot_be_imported(flask, tmp_path):
    flask("start", 1)
    (tmp_path / "lesson-1" / "app.py").write_text("def", encoding="utf-8")
    result = flask("check", "lesson-1")
    assert result.exit_code == 1
    assert result.output.startswith("Missing: app.py must be importable.")


@pytest.mark.slow
def test_commands_work_in_folder_of_lesson(flask, tmp_path):
    said = flask("start", 1).output.splitlines()[-1]
    command = said.split("`")[1]
    assert command.endswith(" lesson check")
    done = subprocess.run(command.split(), cwd=tmp_path / "lesson-1", capture_output=True, text=True, check=False)
    assert done.stdout.startswith(f"{MISSING[1]}\n"), done.stderr
    assert not (tmp_path / "lesson-1" / "instance").exists()


def test_check_says_how_to_start_when_there_is_no_lesson(flask, tmp_path):
    assert "Start with `flask lesson start 1`" in flask("check").output
    assert "it has no test_lesson.py" in flask("check", tmp_path).output


@pytest.mark.parametrize("number", LESSONS)
def test_show_names_functions_that_exist(flask, number):
    result = flask("show", number)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"taskapi/{place.path}:{line_of(place)}  {place.function}: {place.work}" for place in PLACES[number]
    ]


def test_applications_have_at_most_150_lines():
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in COURSE.glob("*/s*.py")}
    assert len(sizes) > len(LESSONS)
    assert max(sizes.values()) <= 150


@pytest.mark.parametrize("number", [7, 8, 10])
def test_lesson_begins_with_40_lines_and_ends_with_difference(number):
    folder = COURSE / LESSONS[number]
    lines = (folder / "start.py").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) <= 40
    assert "## The difference to the real code" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", LESSONS)
def test_each_test_of_a_lesson_says_what_it_requires(number):
    tree = ast.parse((COURSE / LESSONS[number] / "test_lesson.py").read_text(encoding="utf-8"))
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert tests
    assert [test.name for test in tests if "\n" in (ast.get_docstring(test) or "\n")] == []


def test_unknown_lesson_is_rejected(flask):
    assert flask("start", len(LESSONS) + 1).exit_code == 2


@pytest.mark.slow
def test_commands_of_lesson_3_show_token_expiring():
    lines = run_commands(3, COURSE / LESSONS[3] / "solution.py", TOKEN_SECONDS=5).splitlines()
    responses = [json.loads(line) for line in lines]
    assert len(responses) == 4
    assert responses[0] == {"username": "ada", "role": "editor"}
    assert responses[-1] == {"error": "The token is not valid."}


@pytest.mark.slow
@pytest.mark.parametrize("number", BY_HAND)
def test_commands_of_lesson_attack_start_and_not_solution(number):
    files = start_file(number), COURSE / LESSONS[number] / "solution.py"
    printed = [run_commands(number, file) for file in files]
    assert {text: tuple(output.count(text) for output in printed) for text in BY_HAND[number]} == BY_HAND[number]


@pytest.mark.slow
def test_check_names_command_that_shows_details(flask, tmp_path):
    flask("start", 1)
    command = flask("check", "lesson-1").output.splitlines()[1].split("`")[1]
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "assert 200 == 401" in done.stdout


@pytest.mark.slow
def test_commands_of_lesson_4_crack_key():
    lines = run_commands(4, start_file(4)).splitlines()
    assert ["'sub': 'ada'" in line for line in lines] == [False, False, True]
