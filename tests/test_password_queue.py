"""The password queue: few requests wait, others are refused immediately, and reads continue."""

import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from conftest import PASSWORD
from surface import needs

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
    answers = at_once([app.test_client() for _ in range(16)], wrong)
    statuses = Counter(answer.status_code for answer, _ in answers)
    assert statuses.keys() == {401, 503}
    assert statuses[503] >= 8
    for answer, _ in answers:
        if answer.status_code == 503:
            assert answer.json["code"] == "unavailable"
            assert answer.headers["Retry-After"] == "2"
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
        statuses = {answer.status_code for answer, _ in at_once(clients, act)}
        assert statuses == {201 if name == "register" else 401, 503}, name


def test_reads_continue_while_passwords_are_checked(app, owner):
    readers = [app.test_client() for _ in range(8)]
    for reader in readers:
        reader.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {owner.token}"

    def act(client):
        return client.get("/api/v1/tasks") if client in readers else wrong(client)

    answers = at_once([*readers, *(app.test_client() for _ in range(8))], act)
    assert {answer.status_code for answer, _ in answers[:8]} == {200}


def test_known_device_has_a_reserved_place(make_app, new_person):
    app = make_app(BCRYPT_ROUNDS=COST, PASSWORD_QUEUE=0)
    name, known = new_person(), app.test_client()
    credentials = {"username": name, "password": PASSWORD}
    assert known.post(LOGIN, json=credentials).status_code == 200

    def act(client):
        if client is known:
            time.sleep(0.02)  # the others fill the queue first
            return client.post(LOGIN, json=credentials)
        return wrong(client)

    [(answer, _), *others] = at_once([known, *(app.test_client() for _ in range(6))], act)
    assert answer.status_code == 200
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
