"""Rate limits: counted in memory and in Redis, for addresses, names and persons."""

import secrets
from datetime import UTC, datetime
from itertools import count

import pytest
import time_machine
from conftest import PASSWORD

from tests.forging import SECRET

LOGIN = "/api/v1/auth/login"
ADDRESSES = (f"2001:db8:{n >> 16:x}:{n & 0xFFFF:x}::1" for n in count(secrets.randbelow(2**30)))


@pytest.fixture(scope="module")
def app(make_app, counter_store):
    """An application that limits, with one proxy in front."""
    return make_app(RATELIMIT_ENABLED=True, TRUSTED_PROXIES=1, **counter_store)


@pytest.fixture
def at_noon():
    """Hold the clock in the middle of a window."""
    with time_machine.travel("2030-01-01T12:00:10Z", tick=False):
        yield


@pytest.fixture
def attempt(client, at_noon):
    """Try to sign in from an address, by default one that nobody has used yet."""
    here = next(ADDRESSES)

    def sign_in(username, password="wrong", address=here, **headers):
        headers = {"X-Forwarded-For": address, **headers}
        return client.post(LOGIN, json={"username": username, "password": password}, headers=headers)

    return sign_in


def test_the_sixth_sign_in_of_a_minute_under_one_name_is_refused(attempt, new_person):
    name = new_person()
    assert [attempt(name).status_code for _ in range(6)] == [401] * 5 + [429]
    answer = attempt(name, PASSWORD)
    assert (answer.status_code, answer.json["code"]) == (429, "too_many_requests")
    assert answer.headers["Retry-After"] == "50"
    with time_machine.travel("2030-01-01T12:01:00Z", tick=False):
        assert attempt(name, PASSWORD).status_code == 200


def test_a_name_that_nobody_has_is_limited_just_so(attempt):
    name = f"nobody-{secrets.token_hex(6)}"
    assert [attempt(name).status_code for _ in range(6)] == [401] * 5 + [429]


def test_letter_case_gains_nothing(attempt):
    name = f"nobody-{secrets.token_hex(6)}"
    assert [attempt(name.upper() if n % 2 else name).status_code for n in range(6)] == [401] * 5 + [429]


def test_thirty_sign_ins_a_minute_come_from_one_address(attempt):
    answers = [attempt(f"nobody-{secrets.token_hex(6)}").status_code for _ in range(31)]
    assert answers == [401] * 30 + [429]


def test_one_network_of_ipv6_is_one_address(attempt):
    prefix = next(ADDRESSES).removesuffix("::1")
    answers = [attempt(f"nobody-{secrets.token_hex(6)}", address=f"{prefix}::{n:x}").status_code for n in range(1, 32)]
    assert answers == [401] * 30 + [429]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP"])
def test_made_up_headers_gain_nothing(attempt, header):
    here, name = next(ADDRESSES), f"nobody-{secrets.token_hex(6)}"

    def forged(n):
        if header == "X-Forwarded-For":  # what the client sent stands before what the proxy adds
            return attempt(name, address=f"10.0.0.{n}, {here}")
        value = f"for=10.0.0.{n}" if header == "Forwarded" else f"10.0.0.{n}"
        return attempt(name, address=here, **{header: value})

    assert [forged(n).status_code for n in range(6)] == [401] * 5 + [429]


def test_without_a_proxy_no_forwarded_address_is_believed(make_app, counter_store, at_noon):
    client = make_app(RATELIMIT_ENABLED=True, **counter_store).test_client()
    name, remote = f"nobody-{secrets.token_hex(6)}", {"REMOTE_ADDR": next(ADDRESSES)}
    body = {"username": name, "password": "wrong"}
    answers = [
        client.post(LOGIN, json=body, headers={"X-Forwarded-For": next(ADDRESSES)}, environ_base=remote).status_code
        for _ in range(6)
    ]
    assert answers == [401] * 5 + [429]


def test_many_addresses_against_one_name_do_not_lock_its_owner_out(attempt, new_person):
    name, home = new_person(), next(ADDRESSES)
    assert attempt(name, PASSWORD, address=home).status_code == 200
    attack = [attempt(name, address=next(ADDRESSES)).status_code for _ in range(51)]
    assert attack == [401] * 49 + [429] * 2  # fifty an hour, the owner's own first one among them
    assert attempt(name, PASSWORD, address=next(ADDRESSES)).status_code == 429
    assert attempt(name, PASSWORD, address=home).status_code == 200


def test_limited_routes_say_how_much_is_left(attempt):
    answer = attempt(f"nobody-{secrets.token_hex(6)}")
    assert answer.headers["RateLimit-Policy"].split(", ")[1] == '"login";q=5;w=60'
    assert answer.headers["RateLimit"].split(", ")[1] == '"login";r=4;t=50'
    assert "Retry-After" not in answer.headers


def test_a_password_is_asked_five_times_a_minute_of_whoever_is_signed_in(signed_in, at_noon):
    person = signed_in()
    wrong = [person.post("/api/v1/auth/verify-password", json={"password": "wrong"}).status_code for _ in range(3)]
    change = {"current_password": "wrong", "new_password": "another long and odd sentence"}
    wrong += [person.put("/api/v1/me/password", json=change).status_code for _ in range(3)]
    assert wrong == [401] * 5 + [429]


def test_accounts_and_refreshes_are_limited_by_address(client, at_noon):
    here = {"X-Forwarded-For": next(ADDRESSES)}
    refreshes = [
        client.post("/api/v1/auth/refresh", json={"refresh_token": "x"}, headers=here).status_code for _ in range(121)
    ]
    assert refreshes == [401] * 120 + [429]
    weak = {"username": "weak", "password": "weak"}
    assert [client.post("/api/v1/auth/register", json=weak, headers=here).status_code for _ in range(31)] == (
        [422] * 30 + [429]
    )


def test_a_person_has_a_general_limit_which_is_theirs_alone(signed_in):
    one, other = signed_in(), signed_in()
    first = one.get("/api/v1/me").headers
    assert first["RateLimit-Policy"] == '"person";q=6000;w=60'
    for _ in range(3):
        later = one.get("/api/v1/me").headers
    assert remaining(later) < remaining(first)
    assert remaining(other.get("/api/v1/me").headers) > remaining(later)


def remaining(headers):
    return int(headers["RateLimit"].split("r=")[1].split(";")[0])


def test_switched_off_nothing_is_limited(make_app):
    client = make_app(RATELIMIT_ENABLED=False).test_client()
    name = f"nobody-{secrets.token_hex(6)}"
    answers = [client.post(LOGIN, json={"username": name, "password": "wrong"}) for _ in range(7)]
    assert {answer.status_code for answer in answers} == {401}
    assert "RateLimit" not in answers[-1].headers


def test_processes_share_a_persons_limit_a_hundredth_at_a_time(make_app, redis_url, token):
    shared = {"REDIS_URL": redis_url, "JWT_SECRET_KEY": SECRET, "RATELIMIT_ENABLED": True}
    one, another = make_app(**shared).test_client(), make_app(**shared).test_client()
    headers = {"Authorization": f"Bearer {token}"}
    with time_machine.travel(datetime.now(UTC), tick=False):
        left = [remaining(client.get("/api/v1/me", headers=headers).headers) for client in (one, one, another)]
    assert left == [left[0], left[0] - 1, left[0] - 60]
