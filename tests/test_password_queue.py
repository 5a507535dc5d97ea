"""The password queue: few requests wait, others are refused immediately, and reads continue."""

import secrets
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import pytest
from conftest import PASSWORD
from surface import needs

from taskapi.security.passwords import HASHING_NICENESS

pytestmark = pytest.mark.slow

LOGIN = "/api/v1/auth/login"
COST = 10  # of bcrypt: about 60 ms
SLOW = {"BCRYPT_ROUNDS": COST, "PASSWORD_QUEUE": 2}


@pytest.fixture(scope="module")
def app(make_app):
    """An application with a high bcrypt cost."""
    return make_app(**SLOW)


def at_once(clients, act):
    """Let all clients act at the same moment; return the responses and their durations in seconds."""
    start = Barrier(len(clients))

    def run(client):
        start.wait()
        started = time.monotonic()
        return act(client), time.monotonic() - started

    with ThreadPoolExecutor(len(clients)) as pool:
        return list(pool.map(run, clients))


def wrong(client):
    return client.post(LOGIN, json={"username": f"nobody-{secrets.token_hex(6)}", "password": "wrong"})


def test_requests_beyond_the_queue_are_refused_immediately(app):
    responses = at_once([app.test_client() for _ in range(16)], wrong)
    statuses = Counter(response.status_code for response, _ in responses)
    assert statuses.keys() == {401, 503}
    assert statuses[503] >= 8
    for response, _ in responses:
        if response.status_code == 503:
            assert response.json["code"] == "unavailable"
            assert response.headers["Retry-After"] == "2"
    assert wrong(app.test_client()).status_code == 401  # every place was released


def test_every_password_check_uses_the_queue(app, signed_in):
    clients = [signed_in() for _ in range(12)]
    change = {"current_password": "wrong", "new_password": "another long and odd sentence"}
    acts = {
        "verify": lambda client: client.post("/api/v1/auth/verify-password", json={"password": "wrong"}),
        "change": lambda client: client.put("/api/v1/me/password", json=change),
        "register": lambda client: client.post(
            "/api/v1/auth/register", json={"username": f"p-{secrets.token_hex(6)}", "password": PASSWORD}
        ),
    }
    for name, act in acts.items():
        statuses = {response.status_code for response, _ in at_once(clients, act)}
        assert statuses == {201 if name == "register" else 401, 503}, name


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", LOGIN),
        ("POST", "/api/v1/auth/register"),
        ("POST", "/api/v1/auth/verify-password"),
        ("PUT", "/api/v1/me/password"),
    ],
)
def test_full_queue_rejects_a_request_before_its_body_is_read(app, owner, method, path):
    """Other work, such as counting limits and finding the user, would take longer than the rejection."""
    stranger = app.test_client()  # it has the token, but no device cookie

    def try_password(client):
        options = {"data": "not JSON", "content_type": "application/json"}
        return client.open(path, method=method, headers={"Authorization": f"Bearer {owner.token}"}, **options)

    owner.post("/api/v1/auth/login", json={"username": owner.username, "password": PASSWORD})  # sets the device cookie
    assert try_password(stranger).status_code == 400
    with ExitStack() as places:
        for _ in range(1 + SLOW["PASSWORD_QUEUE"]):
            places.enter_context(app.extensions["taskapi-passwords"].place(reserved=False))
        refused = try_password(stranger)
        assert (refused.status_code, refused.json["code"], refused.headers["Retry-After"]) == (503, "unavailable", "2")
        assert try_password(owner).status_code == 400  # the reserved place is free
    assert try_password(stranger).status_code == 400


def test_reads_continue_while_passwords_are_checked(app, owner):
    readers = [app.test_client() for _ in range(8)]
    for reader in readers:
        reader.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {owner.token}"

    def act(client):
        return client.get("/api/v1/tasks") if client in readers else wrong(client)

    responses = at_once([*readers, *(app.test_client() for _ in range(8))], act)
    assert {response.status_code for response, _ in responses[:8]} == {200}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of single threads")
def test_bcrypt_runs_with_a_low_priority(make_app):
    app = make_app(**SLOW)
    before = niceness_of_threads()
    assert wrong(app.test_client()).status_code == 401
    assert niceness_of_threads() - before == Counter({HASHING_NICENESS: 1})


def niceness_of_threads():
    """Count the threads of this process by their niceness, field 19 of /proc/…/stat."""
    stats = (stat.read_text() for stat in Path("/proc/self/task").glob("*/stat"))
    return Counter(int(stat.rpartition(")")[2].split()[16]) for stat in stats)


def test_known_device_has_a_reserved_place(make_app, new_user):
    app = make_app(BCRYPT_ROUNDS=COST, PASSWORD_QUEUE=0)
    name, known = new_user(), app.test_client()
    credentials = {"username": name, "password": PASSWORD}
    assert known.post(LOGIN, json=credentials).status_code == 200

    def act(client):
        if client is known:
            time.sleep(0.02)  # the others fill the queue first
            return client.post(LOGIN, json=credentials)
        return wrong(client)

    [(response, _), *others] = at_once([known, *(app.test_client() for _ in range(6))], act)
    assert response.status_code == 200
    assert 503 in {other.status_code for other, _ in others}


def test_place_is_released_after_every_outcome(make_app, signed_in):
    app = make_app(PASSWORD_QUEUE=0)
    client = app.test_client()
    weak = {"username": f"p-{secrets.token_hex(6)}", "password": "aaaaaaaaaaaaaaaa"}
    for _ in range(3):
        assert client.post("/api/v1/auth/register", json=weak).status_code == 422
        assert wrong(client).status_code == 401


@needs("admin")
def test_commands_do_not_use_the_queue(make_app):
    runner = make_app(PASSWORD_QUEUE=0).test_cli_runner()
    for _ in range(2):
        name = f"p-{secrets.token_hex(6)}"
        result = runner.invoke(args=["users", "create", name, "--password-stdin"], input=f"{PASSWORD}\n")
        assert result.exit_code == 0, result.output
