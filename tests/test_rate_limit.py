"""Rate limits, counted in memory and in Redis, by address, name and user."""

import re
import secrets
from datetime import UTC, datetime
from ipaddress import IPv6Address
from itertools import count

import pytest
import time_machine
from conftest import PASSWORD

from taskapi.config import SettingsError
from taskapi.database import db
from taskapi.security import rate_limit
from taskapi.users.models import create_user
from tests.forging import SECRET

pytestmark = pytest.mark.slow

LOGIN = "/api/v1/auth/login"
ADDRESSES = (f"2001:{n >> 16:x}:{n & 0xFFFF:x}::1" for n in count((0x1000 << 16) + secrets.randbelow(2**30)))

HERE, THERE = next(ADDRESSES), next(ADDRESSES)


@pytest.fixture(scope="module")
def app(make_app, counter_store):
    """An application with rate limits behind one proxy."""
    return make_app(RATELIMIT_ENABLED=True, TRUSTED_PROXIES=1, COOKIE_SECURE=True, **counter_store)


@pytest.fixture
def at_noon():
    """Stop the clock in the middle of a window."""
    with time_machine.travel("2030-01-01T12:00:10Z", tick=False):
        yield


@pytest.fixture
def attempt(app, at_noon):
    """Try to sign in from an address, by default a new one."""
    here, client = next(ADDRESSES), app.test_client(use_cookies=False)

    def sign_in(username, password="wrong", address=here, **headers):
        headers = {"X-Forwarded-For": address, **headers}
        return client.post(LOGIN, json={"username": username, "password": password}, headers=headers)

    return sign_in


def test_sixth_sign_in_per_minute_with_one_name_is_refused(attempt, new_user):
    name = new_user()
    assert [attempt(name).status_code for _ in range(6)] == [401] * 5 + [429]
    response = attempt(name, PASSWORD)
    assert (response.status_code, response.json["code"]) == (429, "too_many_requests")
    assert response.headers["Retry-After"] == "50"
    with time_machine.travel("2030-01-01T12:01:00Z", tick=False):
        assert attempt(name, PASSWORD).status_code == 200


def test_unknown_username_is_limited_in_the_same_way(attempt):
    name = f"nobody-{secrets.token_hex(6)}"
    assert [attempt(name).status_code for _ in range(6)] == [401] * 5 + [429]


def test_letter_case_of_a_username_shares_a_limit(attempt):
    name = f"nobody-{secrets.token_hex(6)}"
    assert [attempt(name.upper() if n % 2 else name).status_code for n in range(6)] == [401] * 5 + [429]


def test_one_address_has_thirty_failures_per_minute(attempt):
    responses = [attempt(f"nobody-{secrets.token_hex(6)}").status_code for _ in range(31)]
    assert responses == [401] * 30 + [429]


def test_ipv6_64_shares_a_limit(attempt):
    prefix = next(ADDRESSES).removesuffix("::1")
    responses = [
        attempt(f"nobody-{secrets.token_hex(6)}", address=f"{prefix}::{n:x}").status_code for n in range(1, 32)
    ]
    assert responses == [401] * 30 + [429]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP"])
def test_forged_forwarded_headers_share_a_limit(attempt, header):
    here, name = next(ADDRESSES), f"nobody-{secrets.token_hex(6)}"

    def forged(n):
        if header == "X-Forwarded-For":  # what the client sent stands before what the proxy adds
            return attempt(name, address=f"10.0.0.{n}, {here}")
        value = f"for=10.0.0.{n}" if header == "Forwarded" else f"10.0.0.{n}"
        return attempt(name, address=here, **{header: value})

    assert [forged(n).status_code for n in range(6)] == [401] * 5 + [429]


def test_forwarded_address_is_ignored_without_a_proxy(make_app, counter_store, at_noon):
    client = make_app(RATELIMIT_ENABLED=True, **counter_store).test_client()
    name, remote = f"nobody-{secrets.token_hex(6)}", {"REMOTE_ADDR": next(ADDRESSES)}
    body = {"username": name, "password": "wrong"}
    responses = [
        client.post(LOGIN, json=body, headers={"X-Forwarded-For": next(ADDRESSES)}, environ_base=remote).status_code
        for _ in range(6)
    ]
    assert responses == [401] * 5 + [429]


@pytest.mark.parametrize("address", ["{0}:{1}", "[{0}]:{1}", "[{0}]", "{0}"])
def test_port_or_brackets_in_a_forwarded_address_are_ignored(attempt, address):
    """Azure's gateways write ports, and others brackets around IPv6."""
    here, name = next(ADDRESSES), f"nobody-{secrets.token_hex(6)}"
    if address == "{0}:{1}":
        here = f"198.51.100.{secrets.randbelow(250)}"
    responses = [attempt(name, address=address.format(here, 1024 + n)).status_code for n in range(6)]
    assert responses == [401] * 5 + [429]
    assert attempt(name, address=here).status_code == 429


def test_forwarded_address_is_recorded_without_port(attempt, app, new_user):
    name = new_user()
    token = attempt(name, PASSWORD, address="198.51.100.7:4711").json["access_token"]
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    assert client.get("/api/v1/auth/sessions").json["items"][0]["ip"] == "198.51.100.7"


def test_invalid_addresses_share_a_limit(attempt):
    name = f"nobody-{secrets.token_hex(6)}"
    responses = [attempt(name, address=f"_hidden{n}").status_code for n in range(6)]
    assert responses == [401] * 5 + [429]


@pytest.mark.parametrize(("bits", "quota"), [(56, 20), (48, 80)])
def test_ipv6_networks_have_larger_limits(make_app, counter_store, at_noon, bits, quota):
    """A customer with a /56 has 256 networks of /64, with a /48 65,536."""
    app = make_app(RATELIMIT_ENABLED=True, RATELIMIT_REFRESH="5/minute", TRUSTED_PROXIES=1, **counter_store)
    client = app.test_client()
    site = int(IPv6Address(f"2001:db8:{secrets.randbelow(65536):x}::")) >> 80 << 80
    shift = 64 if bits == 56 else 72

    def status(n):
        address = str(IPv6Address(site + (n << shift)))
        refresh = {"refresh_token": "x"}
        return client.post("/api/v1/auth/refresh", json=refresh, headers={"X-Forwarded-For": address}).status_code

    responses = [status(n) for n in range(quota + 1)]
    assert responses[:quota] == [401] * quota
    assert responses[quota] == 429


def test_successful_sign_ins_do_not_count_as_failures(attempt, new_user):
    """Many users behind one address; only failures count towards the smaller limit."""
    names = [new_user() for _ in range(12)]
    assert {attempt(name, PASSWORD).status_code for name in names for _ in range(3)} == {200}  # 36 of 30
    response = attempt(names[0], PASSWORD)
    assert response.status_code == 200
    assert left(response) == {"login-address": 263, "login-failed": 30, "login": 1}
    assert [attempt(f"nobody-{secrets.token_hex(6)}").status_code for _ in range(31)] == [401] * 30 + [429]
    assert attempt(names[1], PASSWORD).status_code == 429


def test_all_sign_ins_of_an_address_have_a_limit(make_app, counter_store, new_user, at_noon):
    app = make_app(RATELIMIT_ENABLED=True, RATELIMIT_LOGIN_ADDRESS="3/minute", **counter_store)
    client = app.test_client(use_cookies=False)
    body = {"username": new_user(), "password": PASSWORD}
    remote = {"REMOTE_ADDR": next(ADDRESSES)}
    responses = [client.post(LOGIN, json=body, environ_base=remote).status_code for _ in range(4)]
    assert responses == [200] * 3 + [429]


def test_limits_are_counted_before_the_body_is_read(client, at_noon):
    here = {"X-Forwarded-For": next(ADDRESSES)}
    bodies = [client.post(LOGIN, data=b"{", content_type="application/json", headers=here) for _ in range(31)]
    assert [response.status_code for response in bodies] == [400] * 30 + [429]


def test_user_under_attack_can_sign_in_from_a_known_device(app, attempt, new_user):
    name, home = new_user(), next(ADDRESSES)
    device = device_of(attempt(name, PASSWORD, address=home))
    attack = [attempt(name, address=next(ADDRESSES)).status_code for _ in range(51)]
    assert attack == [401] * 50 + [429]
    assert attempt(name, PASSWORD, address=next(ADDRESSES)).status_code == 429
    assert attempt(name, PASSWORD, address=home).status_code == 429
    assert attempt(name, PASSWORD, address=next(ADDRESSES), Cookie=device).status_code == 200


def test_known_device_can_sign_in_when_its_address_is_limited(attempt, new_user):
    name = new_user()
    device = device_of(attempt(name, PASSWORD))
    assert [attempt(f"nobody-{secrets.token_hex(6)}").status_code for _ in range(31)][-1] == 429
    assert attempt(name, PASSWORD).status_code == 429
    assert attempt(name, PASSWORD, Cookie=device).status_code == 200


def test_device_cookie_is_no_credential_and_has_its_own_limit(attempt, new_user):
    name = new_user()
    device = device_of(attempt(name, PASSWORD))
    responses = [attempt(name, Cookie=device, address=next(ADDRESSES)).status_code for _ in range(21)]
    assert responses == [401] * 20 + [429]
    assert attempt(name, PASSWORD, Cookie=device).status_code == 429


def test_device_cookie_is_valid_for_one_username(attempt, new_user):
    mine, other = new_user(), new_user()
    device = device_of(attempt(mine, PASSWORD))
    for name in (other, f"nobody-{secrets.token_hex(6)}"):
        responses = [attempt(name, Cookie=device) for _ in range(6)]
        assert [response.status_code for response in responses] == [401] * 5 + [429]
        without = attempt(f"nobody-{secrets.token_hex(6)}")
        assert {*left(responses[0])} == {*left(without)}


def test_forged_or_expired_device_cookie_is_ignored(attempt, new_user):
    name = new_user()
    device = device_of(attempt(name, PASSWORD))
    kind, _, value = device.partition("=")
    expires, device_id, name_hash, signature = value.split(".")
    later = f"{int(expires) + 1}.{device_id}.{name_hash}.{signature}"
    forged = [later, f"{expires}.x.{name_hash}.{signature}", f"{value}x", "", ".", "...", "é.a.b.c", "9" * 5000]
    for number, one in enumerate(forged):
        response = attempt(f"nobody-{number}-{secrets.token_hex(4)}", Cookie=f"{kind}={one}")
        assert response.status_code == 401
    assert [attempt(name).status_code for _ in range(5)][-1] == 429
    assert {attempt(name, PASSWORD, Cookie=f"{kind}={one}").status_code for one in forged} == {429}
    with time_machine.travel("2030-04-02T12:00:10Z", tick=False):
        assert [attempt(name, Cookie=device).status_code for _ in range(6)] == [401] * 5 + [429]


def test_device_keeps_its_id_and_limit_after_sign_in(attempt, new_user):
    name = new_user()
    device = device_of(attempt(name, PASSWORD))
    assert {attempt(name, Cookie=device).status_code for _ in range(15)} == {401}
    renewed = device_of(attempt(name, PASSWORD, Cookie=device))
    assert renewed.split(".")[1] == device.split(".")[1]
    assert [attempt(name, Cookie=renewed).status_code for _ in range(6)] == [401] * 5 + [429]


def test_device_cookie_is_hidden_from_scripts_and_other_hosts(attempt, new_user):
    line = attempt(new_user(), PASSWORD).headers["Set-Cookie"]
    assert line.startswith("__Host-device=")
    attributes = {part.strip() for part in line.split(";")[1:]}
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict", "Max-Age=7776000"} <= attributes
    assert "Domain" not in line


def test_rate_limit_fields_do_not_reveal_usernames(attempt, new_user):
    known, unknown = new_user(), f"nobody-{secrets.token_hex(6)}"
    attempt(known, PASSWORD, address=next(ADDRESSES))
    for _ in range(7):
        told = [attempt(name, address=address) for name, address in ((known, HERE), (unknown, THERE))]
        assert told[0].status_code == told[1].status_code
        for header in ("RateLimit-Policy", "RateLimit", "Retry-After"):
            assert told[0].headers.get(header) == told[1].headers.get(header)


def device_of(response):
    """Return the device cookie of a response, as a client sends it back."""
    assert response.status_code == 200, response.text
    [line] = [line for line in response.headers.getlist("Set-Cookie") if "device=" in line]
    return line.split(";")[0]


def left(response):
    return {name: int(number) for name, number in re.findall(r'"([a-z-]+)";r=(\d+)', response.headers["RateLimit"])}


def test_limited_routes_return_rate_limit_fields(attempt):
    response = attempt(f"nobody-{secrets.token_hex(6)}")
    assert response.headers["RateLimit-Policy"] == (
        '"login-address";q=300;w=60, "login-failed";q=30;w=60, "login";q=5;w=60'
    )
    assert left(response) == {"login-address": 299, "login-failed": 29, "login": 4}
    assert "Retry-After" not in response.headers


def test_quotas_are_settings(make_app, counter_store, at_noon):
    client = make_app(RATELIMIT_ENABLED=True, RATELIMIT_LOGIN="2/hour", **counter_store).test_client()
    body = {"username": f"nobody-{secrets.token_hex(6)}", "password": "wrong"}
    remote = {"REMOTE_ADDR": next(ADDRESSES)}
    responses = [client.post(LOGIN, json=body, environ_base=remote) for _ in range(3)]
    assert [response.status_code for response in responses] == [401, 401, 429]
    assert responses[2].headers["Retry-After"] == "3590"
    assert '"login";q=2;w=3600' in responses[0].headers["RateLimit-Policy"]


@pytest.mark.parametrize("rate", ["5", "5/week", "0/minute", "-1/minute", "5/minute/2", "many/minute", "5 per minute"])
def test_service_does_not_start_with_an_invalid_quota(make_app, rate):
    with pytest.raises(SettingsError, match="RATELIMIT_LOGIN: Must be like 5/minute"):
        make_app(RATELIMIT_LOGIN=rate)


def test_counters_in_memory_are_limited(monkeypatch, make_app, at_noon):
    monkeypatch.setattr(rate_limit, "MAX_COUNTERS", 100)
    monkeypatch.setattr(rate_limit, "SHARED_COUNTERS", 8)
    app = make_app(RATELIMIT_ENABLED=True, RATELIMIT_REFRESH="1000/minute")
    for _ in range(300):
        remote = {"REMOTE_ADDR": next(ADDRESSES)}
        app.test_client().post("/api/v1/auth/refresh", json={"refresh_token": "x"}, environ_base=remote)
    [window] = app.extensions["taskapi-limits"]._in_memory["refresh"]
    assert 100 <= len(window.values) <= 108


def test_password_checks_are_limited_by_address(make_app, counter_store, signed_in, at_noon):
    app = make_app(
        RATELIMIT_ENABLED=True, RATELIMIT_PASSWORD_ADDRESS="4/minute", JWT_SECRET_KEY=SECRET, **counter_store
    )
    remote = {"REMOTE_ADDR": next(ADDRESSES)}
    statuses = []
    for _ in range(5):
        client = app.test_client()
        with app.app_context():
            username = f"user-{secrets.token_hex(6)}"
            create_user(username, PASSWORD)
            db.session.commit()
        login = client.post(LOGIN, json={"username": username, "password": PASSWORD}, environ_base=remote)
        headers = {"Authorization": f"Bearer {login.json['access_token']}"}
        verify = {"password": PASSWORD}
        response = client.post("/api/v1/auth/verify-password", json=verify, headers=headers, environ_base=remote)
        statuses.append(response.status_code)
    assert statuses == [200] * 4 + [429]


def test_password_checks_are_limited_to_five_per_minute_and_user(signed_in, at_noon):
    user = signed_in()
    wrong = [user.post("/api/v1/auth/verify-password", json={"password": "wrong"}).status_code for _ in range(3)]
    change = {"current_password": "wrong", "new_password": "another long and odd sentence"}
    wrong += [user.put("/api/v1/me/password", json=change).status_code for _ in range(3)]
    assert wrong == [401] * 5 + [429]


def test_registrations_and_refreshes_are_limited_by_address(client, at_noon):
    here = {"X-Forwarded-For": next(ADDRESSES)}
    refreshes = [
        client.post("/api/v1/auth/refresh", json={"refresh_token": "x"}, headers=here).status_code for _ in range(121)
    ]
    assert refreshes == [401] * 120 + [429]
    weak = {"username": "weak", "password": "weak"}
    assert [client.post("/api/v1/auth/register", json=weak, headers=here).status_code for _ in range(31)] == (
        [422] * 30 + [429]
    )


def test_user_has_a_general_limit(signed_in):
    one, other = signed_in(), signed_in()
    first = one.get("/api/v1/me").headers
    assert first["RateLimit-Policy"] == '"user";q=6000;w=60'
    for _ in range(3):
        later = one.get("/api/v1/me").headers
    assert remaining(later) < remaining(first)
    assert remaining(other.get("/api/v1/me").headers) > remaining(later)


def remaining(headers):
    return int(headers["RateLimit"].split("r=")[1].split(";")[0])


def test_disabled_rate_limits_refuse_nothing(make_app):
    client = make_app(RATELIMIT_ENABLED=False).test_client()
    name = f"nobody-{secrets.token_hex(6)}"
    responses = [client.post(LOGIN, json={"username": name, "password": "wrong"}) for _ in range(7)]
    assert {response.status_code for response in responses} == {401}
    assert "RateLimit" not in responses[-1].headers


def test_processes_share_a_user_limit_in_steps_of_a_hundredth(make_app, redis_url, token):
    shared = {"REDIS_URL": redis_url, "JWT_SECRET_KEY": SECRET, "RATELIMIT_ENABLED": True}
    one, another = make_app(**shared).test_client(), make_app(**shared).test_client()
    headers = {"Authorization": f"Bearer {token}"}
    with time_machine.travel(datetime.now(UTC), tick=False):
        left = [remaining(client.get("/api/v1/me", headers=headers).headers) for client in (one, one, another)]
    assert left == [left[0], left[0] - 1, left[0] - 60]


def test_device_signs_in_at_most_five_times_per_minute(attempt, new_user):
    name = new_user()
    device = device_of(attempt(name, PASSWORD))
    responses = [attempt(name, PASSWORD, Cookie=device, address=next(ADDRESSES)).status_code for _ in range(6)]
    assert responses == [200] * 5 + [429]


def test_refused_registrations_do_not_use_up_the_daily_limit(make_app, counter_store):
    prefix = {"REDIS_PREFIX": f"test-{secrets.token_hex(6)}:"}  # the day's counter of a run before may be there
    app = make_app(RATELIMIT_ENABLED=True, RATELIMIT_REGISTER_ALL="3/day", TRUSTED_PROXIES=1, **counter_store, **prefix)
    client = app.test_client()

    def register(password):
        body = {"username": f"new-{secrets.token_hex(6)}", "password": password}
        headers = {"X-Forwarded-For": next(ADDRESSES)}
        return client.post("/api/v1/auth/register", json=body, headers=headers).status_code

    with time_machine.travel("2031-01-01T12:00:10Z", tick=False):
        assert [register("passwordpassword") for _ in range(5)] == [422] * 5
        assert [register(PASSWORD) for _ in range(4)] == [201] * 3 + [429]
