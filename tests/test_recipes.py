"""The recipes of examples/: what a client does with tokens, run by Node.js and Python against a real server."""

import os
import re
import secrets
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from examples.python.client import SignInRequired, TaskApi
from tests.conftest import PASSWORD, node_package, program
from tests.forging import SECRET, opened, sign

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
SCENARIOS = sorted((ROOT / "tests" / "recipes").glob("*.test.js"))


@pytest.fixture(scope="module")
def address(start_server, tmp_path_factory):
    """A server whose key is known to the tests, so that they can sign tokens of an hour ago."""
    return start_server(
        TASKAPI_INSTANCE_PATH=str(tmp_path_factory.mktemp("instance")),
        TASKAPI_JWT_SECRET_KEY=SECRET,
        TASKAPI_BCRYPT_ROUNDS="4",
        TASKAPI_RATELIMIT_ENABLED="false",
    )


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.name)
def test_in_node(address, file):
    node_package("axios")
    command = [program("node"), "--test", "--test-reporter=spec", str(file)]
    environment = {**os.environ, "ADDRESS": address, "SECRET": SECRET}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    scenarios = file.read_text(encoding="utf-8").count('\ntest("')
    assert f" pass {scenarios}\n" in done.stdout, done.stdout


class Wire(httpx.HTTPTransport):
    """The wire, which counts what goes over it, and may lose the next answer to a path."""

    def __init__(self):
        super().__init__()
        self.sent = []
        self.lose = None

    def handle_request(self, request):
        answer = super().handle_request(request)
        path = request.url.path.removeprefix("/api/v1")
        self.sent.append(f"{request.method} {path} {answer.status_code}")
        if path == self.lose:
            self.lose = None
            raise httpx.ReadError("the answer was lost")
        return answer

    def count(self, start):
        return len([line for line in self.sent if line.startswith(start)])


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def api(address, wire):
    """A client whose person is signed in."""
    with TaskApi(f"{address}/api/v1", transport=wire) as api:
        account = {"username": f"person-{secrets.token_hex(6)}", "password": PASSWORD}
        httpx.post(f"{address}/api/v1/auth/register", json=account).raise_for_status()
        api.sign_in(**account)
        yield api


@pytest.fixture
def spoil(api):
    """Let the access token be one of an hour ago."""

    def spoil():
        tokens = api._auth._tokens
        header, claims = opened(tokens["access_token"])
        moment = int(time.time())
        past = {"iat": moment - 3600, "nbf": moment - 3600, "exp": moment - 2700}
        api._auth.store({**tokens, "access_token": sign(header, {**claims, **past})})

    return spoil


def test_twenty_threads_with_an_expired_token_make_one_refresh(api, wire, spoil):
    spoil()
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: api.get("/tasks"), range(20)))
    assert [answer["items"] for answer in answers] == [[]] * 20
    assert wire.count("POST /auth/refresh") == 1


def test_a_stolen_refresh_token_ends_in_signing_in(api, address, wire, spoil):
    token = api._auth._tokens["refresh_token"]
    for _ in range(2):
        answer = httpx.post(f"{address}/api/v1/auth/refresh", json={"refresh_token": token})
        token = answer.raise_for_status().json()["refresh_token"]
    spoil()
    for _ in range(2):
        with pytest.raises(SignInRequired):
            api.get("/tasks")
    assert wire.count("POST /auth/refresh") == 1


def test_a_lost_answer_to_a_refresh_is_given_again(api, wire, spoil):
    spoil()
    wire.lose = "/auth/refresh"
    assert api.get("/tasks")["items"] == []
    assert wire.count("POST /auth/refresh 200") == 2


def test_a_task_whose_answer_was_lost_is_there_once(api, wire):
    wire.lose = "/tasks"
    task = api.create("/tasks", {"title": "Once"})
    assert wire.count("POST /tasks 201") == 2
    assert [found["id"] for found in api.pages("/tasks")] == [task["id"]]


def test_a_list_is_read_to_its_end(api):
    made = [api.create("/tasks", {"title": f"Task {number}"})["id"] for number in range(5)]
    assert [task["id"] for task in api.pages("/tasks", limit=2, sort="created_at")] == made


def test_a_copy_is_kept_in_step(api):
    task = api.create("/tasks", {"title": "Water the plants"})
    copy, cursor = {}, None
    for changes, cursor in api.changes():  # noqa: B007 - the last one counts
        copy |= {change["id"]: change["data"] for change in changes}
    assert copy[task["id"]]["title"] == "Water the plants"
    api.patch(f"/tasks/{task['id']}", {"status": "done"}, task["version"])
    ((changes, _),) = api.changes(cursor)
    assert [change["data"]["status"] for change in changes] == ["done"]


def test_a_new_session_after_a_new_password_and_after_the_end_of_all(api, wire, spoil):
    api.change_password(PASSWORD, "another long and odd sentence")
    spoil()
    assert api.get("/tasks")["items"] == []
    api.end_sessions()
    assert api.get("/tasks")["items"] == []
    assert wire.count("POST /auth/refresh") == 1


def test_a_change_that_was_forestalled_says_so(api):
    task = api.create("/tasks", {"title": "Water the plants"})
    api.patch(f"/tasks/{task['id']}", {"status": "done"}, task["version"])
    with pytest.raises(httpx.HTTPStatusError, match="412"):
        api.patch(f"/tasks/{task['id']}", {"status": "todo"}, task["version"])


@pytest.mark.parametrize("number", range(3))
def test_the_pieces_for_frameworks_are_javascript(number, tmp_path):
    pieces = re.findall(r"```js\n(.*?)```", (ROOT / "examples" / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "piece.mjs").write_text(pieces[number], encoding="utf-8")
    done = subprocess.run([program("node"), "--check", "piece.mjs"], cwd=tmp_path, capture_output=True, check=False)
    assert (len(pieces), done.returncode, done.stderr) == (3, 0, b"")
