"""Password hashes: the time of a refused sign-in is the same for every username."""

import secrets
import statistics
import time

import pytest
from conftest import PASSWORD, close
from flask_migrate import upgrade

pytestmark = pytest.mark.slow

LOGIN = "/api/v1/auth/login"
REGISTER = "/api/v1/auth/register"
HIGH, LOW = 11, 4  # 2^7 times the work


@pytest.fixture
def lowered(make_app, new_database):
    """An application whose bcrypt cost was lowered after an account was made, and the name of that account."""
    url, name = new_database(), f"user-{secrets.token_hex(6)}"
    before = make_app(DATABASE_URL=url, BCRYPT_ROUNDS=HIGH)
    with before.app_context():
        upgrade(revision="heads")
    assert before.test_client().post(REGISTER, json={"username": name, "password": PASSWORD}).status_code == 201
    close(before)
    return make_app(DATABASE_URL=url, BCRYPT_ROUNDS=LOW).test_client(), name


def median_times(client, *names):
    """Return the CPU time of a refused sign-in for each name, interleaved. Other programs do not change it."""
    taken = {name: [] for name in names}
    for _ in range(5):
        for name in names:
            start = time.process_time()
            assert client.post(LOGIN, json={"username": name, "password": "wrong"}).status_code == 401
            taken[name].append(time.process_time() - start)
    return [statistics.median(taken[name]) for name in names]


def test_lowered_cost_does_not_reveal_usernames(lowered):
    client, old = lowered
    new = f"user-{secrets.token_hex(6)}"
    assert client.post(REGISTER, json={"username": new, "password": PASSWORD}).status_code == 201
    old_hash, new_hash, unknown = median_times(client, old, new, "nobody-has-this-name")
    assert 0.5 < old_hash / unknown < 2
    assert 0.5 < new_hash / unknown < 2


def test_lowered_cost_applies_after_the_last_rehash(lowered):
    client, name = lowered
    before = median_times(client, "nobody-has-this-name")[0]
    assert client.post(LOGIN, json={"username": name, "password": PASSWORD}).status_code == 200
    assert median_times(client, "nobody-has-this-name")[0] < before / 4
