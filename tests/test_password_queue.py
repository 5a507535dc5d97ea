"""The queue for password work: few requests wait, the others are refused at once, and reads go on."""

import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from conftest import PASSWORD

LOGIN = "/api/v1/auth/login"
COST = 10  # of bcrypt: about 60 ms
SLOW = {"BCRYPT_ROUNDS": COST, "PASSWORD_QUEUE": 2}


@pytest.fixture(scope="module")
def app(make_app):
    """An application whose passwords take a while."""
    return make_app(**SLOW)


def at_once(clients, act):
    """Let each client act at the same moment; return the responses with the seconds they took."""
    start = Barrier(len(clients))

    def run(client):
        start.wait()
        started = time.monotonic()
        return act(client), time.monotonic() - started

    with ThreadPoolExecutor(len(clients)) as pool:
        return list(pool.map(run, clients))


def wrong(client):
    return client.post(LOGIN, json={"username": f"nobody-{secrets.token_hex(6)}", "password": "wrong"})


def test_requests_beyond_the_queue_are_refused_at_once(app):
    answers = at_once([app.test_client() for _ in range(16)], wrong)
    statuses = Counter(answer.status_code for answer, _ in answers)
    assert statuses.keys() == {401, 503}
    assert statuses[503] >= 8
    for answer, _ in answers:
        if answer.status_code == 503:
            assert answer.json["code"] == "unavailable"
            assert answer.headers["Retry-After"] == "2"
    assert wrong(app.test_client()).status_code == 401  # every place was given back


def test_every_password_check_is_in_the_queue(app, signed_in):
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


def test_reads_go_on_while_passwords_are_checked(app, owner):
    readers = [app.test_client() for _ in range(8)]
    for reader in readers:
        reader.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {owner.token}"

    def act(client):
        return client.get("/api/v1/tasks") if client in readers else wrong(client)

    answers = at_once([*readers, *(app.test_client() for _ in range(8))], act)
    assert {answer.status_code for answer, _ in answers[:8]} == {200}


def test_a_device_that_was_used_before_has_a_place_of_its_own(make_app, new_person):
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


def test_a_place_is_given_back_after_any_end(make_app, signed_in):
    app = make_app(PASSWORD_QUEUE=0)
    client = app.test_client()
    weak = {"username": f"p-{secrets.token_hex(6)}", "password": "aaaaaaaaaaaaaaaa"}
    for _ in range(3):
        assert client.post("/api/v1/auth/register", json=weak).status_code == 422
        assert wrong(client).status_code == 401


def test_commands_wait_for_no_queue(make_app):
    runner = make_app(PASSWORD_QUEUE=0).test_cli_runner()
    for _ in range(2):
        name = f"p-{secrets.token_hex(6)}"
        result = runner.invoke(args=["users", "create", name, "--password-stdin"], input=f"{PASSWORD}\n")
        assert result.exit_code == 0, result.output
