"""Attacks on the sign-in at an OpenID provider. Each ends without a code for the client."""

import base64
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import sqlalchemy as sa
import time_machine
from servers import wait_until

from taskapi.audit.models import AuditEntry
from taskapi.database import db, now
from taskapi.extensions.openid import provider as provider_module
from taskapi.extensions.openid import routes
from taskapi.extensions.openid.service import OpenidSignIn
from tests.extensions.openid.provider import CLIENT_ID, CLIENT_SECRET
from tests.extensions.openid.signing_in import (
    CALLBACK,
    START,
    Browser,
    codes_of,
    fragment_of,
    openid_app,
    provider,
    provider_process,
    shared_app,
    with_query,
)

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

__all__ = ["openid_app", "provider", "provider_process", "shared_app"]  # fixtures
FAILED = {"openid_error": "openid_failed"}


@pytest.fixture
def browser(shared_app, provider):
    return Browser(shared_app)


def moment(seconds):
    return int(time.time()) + seconds


def test_honest_provider_is_believed(browser):
    assert [*browser.sign_in()] == ["openid_code"]


INVALID_TOKENS = {
    "nonce of another sign-in": ({"claims": {"nonce": "x" * 43}}, "its nonce"),
    "no nonce": ({"claims": {"nonce": None}}, 'missing the "nonce" claim'),
    "nonce that is no text": ({"claims": {"nonce": ["x"]}}, "its nonce"),
    "audience of another client": ({"claims": {"aud": "other"}}, "Audience doesn't match"),
    "no audience": ({"claims": {"aud": None}}, 'missing the "aud" claim'),
    "no audience in the list": ({"claims": {"aud": []}}, 'missing the "aud" claim'),
    "further audience without azp": ({"claims": {"aud": [CLIENT_ID, "other"]}}, "to another client"),
    "azp of another client": ({"claims": {"azp": "other"}}, "to another client"),
    "azp of another audience": ({"claims": {"aud": [CLIENT_ID, "other"], "azp": "other"}}, "to another client"),
    "another issuer": ({"claims": {"iss": "https://evil.example"}}, "Invalid issuer"),
    "no issuer": ({"claims": {"iss": None}}, 'missing the "iss" claim'),
    "no subject": ({"claims": {"sub": None}}, 'missing the "sub" claim'),
    "empty subject": ({"claims": {"sub": ""}}, "its sub"),
    "long subject": ({"claims": {"sub": "x" * 256}}, "its sub"),
    "subject that is a number": ({"claims": {"sub": 7}}, "Subject must be a string"),
    "subject with a control character": ({"claims": {"sub": "ada\u0000"}}, "its sub"),
    "expired": ({"claims": {"exp": moment(-60)}}, "expired"),
    "no expiry": ({"claims": {"exp": None}}, 'missing the "exp" claim'),
    "expiry that is text": ({"claims": {"exp": str(moment(86400))}}, "its times"),
    "time of issue that is text": ({"claims": {"iat": str(moment(0))}}, "its times"),
    "expiry out of range": ({"claims": {"exp": 1e300}}, "its times"),
    "issued in the future": ({"claims": {"iat": moment(86400)}}, "not yet valid"),
    "no time of issue": ({"claims": {"iat": None}}, 'missing the "iat" claim'),
    "valid in the future": ({"claims": {"nbf": moment(86400)}}, "not yet valid"),
    "no signature": ({"alg": "none"}, "its alg is 'none'"),
    "HS256 with the public key": ({"alg": "HS256"}, "its alg is 'HS256'"),
    "another algorithm than that of the key": ({"alg": "PS256"}, "0 keys"),
    "another key with the same kid": ({"stranger": True}, "Signature verification failed"),
    "an unknown kid": ({"header": {"kid": "unknown"}}, "0 keys"),
    "crit": ({"header": {"crit": ["exp"]}}, "or its header has crit"),
    "no token": ({"response": {"id_token": None}}, "dots"),
    "a token that is a number": ({"response": {"id_token": 1}}, "dots"),
    "a token of two parts": ({"response": {"id_token": "a.b"}}, "dots"),
    "a token that is too long": ({"claims": {"padding": "x" * 9000}}, "at most 8192"),
}


@pytest.mark.parametrize(("faults", "reason"), INVALID_TOKENS.values(), ids=INVALID_TOKENS)
def test_invalid_id_token_proves_nothing(browser, provider, caplog, faults, reason):
    address = browser.visit_provider()
    provider.set(**faults)
    before = codes_of(browser.app)
    assert fragment_of(browser.open(address)) == FAILED
    assert codes_of(browser.app) == before
    assert provider.hits("/token") == 1
    assert reason in caplog.text


@pytest.mark.parametrize(
    "claims", [{"aud": [CLIENT_ID]}, {"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID}, {"azp": CLIENT_ID}]
)
def test_audience_of_this_client_is_accepted(browser, provider, claims):
    provider.set(claims=claims)
    assert "openid_code" in browser.sign_in()


def test_clocks_may_differ_a_little(browser, provider):
    provider.set(claims={"exp": moment(-20), "iat": moment(20)})
    assert "openid_code" in browser.sign_in()


UNFIT_KEYS = {
    "symmetric": ({"alg": "HS256", "kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}, "0 keys"),
    "for encryption": ({"use": "enc"}, "0 keys"),
    "of another type": ({"kty": "EC"}, "0 keys"),
    "short": ({"n": "4Qk7" * 43}, "too short"),
    "malformed": ({"n": "!"}, "invalid"),
}


@pytest.mark.parametrize(("change", "reason"), UNFIT_KEYS.values(), ids=UNFIT_KEYS)
def test_key_that_may_not_verify_is_not_used(openid_app, provider, caplog, change, reason):
    [key] = httpx.get(f"{provider.url}/jwks").json()["keys"]
    provider.set(jwks={"keys": [{**key, **change}, "no key", {}]})
    assert Browser(openid_app()).sign_in() == FAILED
    assert reason in caplog.text


def test_key_of_another_curve_is_not_used(openid_app, provider, caplog):
    provider.set(rotate="ES256")
    [key] = httpx.get(f"{provider.url}/jwks").json()["keys"]
    provider.set(jwks={"keys": [{**key, "crv": "P-384"}]})
    assert Browser(openid_app()).sign_in() == FAILED
    assert "0 keys" in caplog.text


def test_two_keys_with_one_kid_are_ambiguous(openid_app, provider):
    [key] = httpx.get(f"{provider.url}/jwks").json()["keys"]
    provider.set(jwks={"keys": [key, key]})
    assert Browser(openid_app()).sign_in() == FAILED


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_other_asymmetric_keys_are_accepted(openid_app, provider, alg):
    provider.set(rotate=alg)
    assert "openid_code" in Browser(openid_app()).sign_in()


def test_rotated_key_is_found_after_a_cooldown(openid_app, provider, monkeypatch):
    browser = Browser(openid_app())
    assert "openid_code" in browser.sign_in()
    provider.set(rotate="ES256")
    assert browser.sign_in() == FAILED
    assert provider.hits("/jwks") == 1
    monkeypatch.setattr(provider_module, "COOLDOWN", 0)
    assert "openid_code" in browser.sign_in()


def test_callback_without_cookie_and_state_is_rejected(browser):
    assert browser.open(CALLBACK).status_code == 400


@pytest.mark.parametrize("error", ["server_error", "x" * 1000])
def test_error_of_the_provider_proves_nothing(browser, provider, error):
    provider.set(answer={"code": None, "error": error})
    assert browser.sign_in() == FAILED
    assert provider.hits("/token") == 0


@pytest.mark.parametrize("state", [None, "", "x" * 43, "é"])
def test_callback_needs_the_state_of_its_browser(browser, provider, state):
    address = with_query(browser.visit_provider(), state=state)
    response = browser.open(address)
    assert (response.status_code, response.json["code"]) == (400, "openid_state_invalid")
    assert provider.hits("/token") == 0


def test_state_that_is_sent_twice_is_rejected(browser):
    address = browser.visit_provider()
    assert browser.open(f"{address}&state=x").status_code == 400


def test_callback_in_another_browser_is_rejected(browser, shared_app, provider):
    """Login CSRF: a stranger sends the victim the address of a callback, to sign them in to the stranger's account."""
    address = browser.visit_provider()
    victim = Browser(shared_app)
    assert victim.open(address).status_code == 400
    victim.start()
    assert victim.open(address).status_code == 400
    assert provider.hits("/token") == 0


def test_cookie_of_another_server_is_rejected(browser, openid_app):
    other = Browser(openid_app())
    address = other.visit_provider()
    browser.client.set_cookie("openid", other.client.get_cookie("openid").value)
    assert browser.open(address).status_code == 400


@pytest.mark.parametrize("part", [0, 1])
def test_forged_cookie_is_rejected(browser, part):
    address = browser.visit_provider()
    cookie = browser.client.get_cookie("openid")
    parts = cookie.value.split(".")
    if part == 0:
        members = json.loads(base64.urlsafe_b64decode(parts[0] + "=="))
        members[0] = "https://evil.example"
        parts[0] = base64.urlsafe_b64encode(json.dumps(members).encode()).decode()
    else:
        parts[1] = "A" * 43
    browser.client.set_cookie("openid", ".".join(parts))
    assert browser.open(address).status_code == 400


def test_callback_serves_once(browser, shared_app, provider):
    """Not even with the cookie, which the first response deletes, and with a provider whose codes serve twice."""
    provider.set(codes_serve_twice=True)
    address = browser.visit_provider()
    cookie = browser.client.get_cookie("openid").value
    assert "openid_code" in fragment_of(browser.open(address))
    assert browser.client.get_cookie("openid") is None
    assert browser.open(address).status_code == 400
    browser.client.set_cookie("openid", cookie)
    assert fragment_of(browser.open(address)) == {"openid_error": "openid_state_invalid"}
    assert provider.hits("/token") == 1


def test_used_code_of_the_provider_is_rejected(browser, provider):
    first = browser.visit_provider()
    code = dict(parse_qsl(urlsplit(first).query))["code"]
    browser.open(first)
    second = with_query(browser.visit_provider(), code=code)
    assert fragment_of(browser.open(second)) == FAILED


def test_code_of_another_sign_in_is_rejected(browser, shared_app, provider):
    """Code injection: the verifier of PKCE belongs to the browser that started."""
    stolen = dict(parse_qsl(urlsplit(Browser(shared_app).visit_provider()).query))["code"]
    assert fragment_of(browser.open(with_query(browser.visit_provider(), code=stolen))) == FAILED


@pytest.mark.parametrize("iss", [None, "https://evil.example", ""])
def test_response_of_another_provider_is_rejected(browser, provider, iss):
    """Mix-up: the code of an honest provider must not be sent to another one (RFC 9207)."""
    assert fragment_of(browser.open(with_query(browser.visit_provider(), iss=iss))) == FAILED
    assert provider.hits("/token") == 0


@pytest.mark.parametrize(("iss", "accepted"), [(None, True), ("https://evil.example", False)])
def test_issuer_of_the_response_is_optional_if_the_provider_does_not_name_itself(openid_app, provider, iss, accepted):
    provider.set(metadata={"authorization_response_iss_parameter_supported": False})
    browser = Browser(openid_app())
    found = fragment_of(browser.open(with_query(browser.visit_provider(), iss=iss)))
    assert ("openid_code" in found) is accepted


def test_responses_to_browsers_are_neither_stored_nor_named_in_a_referrer(browser, provider, shared_app):
    address = browser.visit_provider()
    responses = [browser.start(), Browser(shared_app).open(address)]
    responses += [browser.open(browser.visit_provider())]
    address = browser.visit_provider()
    provider.set(claims={"aud": "other"})
    responses += [browser.open(address)]
    assert [response.status_code for response in responses] == [303, 400, 303, 303]
    for response in responses:
        assert (response.headers["Cache-Control"], response.headers["Referrer-Policy"]) == ("no-store", "no-referrer")


def test_cookie_of_a_sign_in_is_no_token(browser):
    browser.start()
    value = browser.client.get_cookie("openid").value
    browser.client.set_cookie("access_token", value)
    assert browser.client.get("/api/v1/me").status_code == 401
    assert browser.client.post("/api/v1/auth/refresh", json={"refresh_token": value}).status_code == 401
    browser.client.set_cookie("device", value)
    login = browser.client.post("/api/v1/auth/login", json={"username": "nobody", "password": "wrong"})
    assert login.json["code"] == "invalid_credentials"


def test_no_secret_of_a_sign_in_is_logged(openid_app, provider, capfd, caplog):
    app = openid_app(LOG_LEVEL="debug")
    browser = Browser(app)
    address = browser.visit_provider()
    secrets = [*dict(parse_qsl(urlsplit(address).query)).values(), browser.client.get_cookie("openid").value]
    secrets = [secret for secret in secrets if secret != provider.url]
    secrets.append(fragment_of(browser.open(address))["openid_code"])
    provider.set(claims={"nonce": "x" * 43})
    assert browser.sign_in() == FAILED
    logged = "".join(capfd.readouterr()) + caplog.text
    assert "/openid/callback" in logged
    assert len(secrets) == 4
    assert [secret for secret in [*secrets, CLIENT_SECRET, "eyJ"] if secret in logged] == []


def test_failed_sign_in_deletes_its_cookie(browser, provider):
    address = browser.visit_provider()
    provider.set(claims={"aud": "other"})
    browser.open(address)
    assert browser.client.get_cookie("openid") is None


def test_next_response_deletes_expired_sign_ins(browser):
    with time_machine.travel(time.time() - 700):
        browser.sign_in()
    count = sa.select(sa.func.count()).where(OpenidSignIn.expires_at < now())
    with browser.app.app_context():
        assert db.session.execute(count).scalar_one() > 0
    browser.sign_in()
    with browser.app.app_context():
        assert db.session.execute(count).scalar_one() == 0


def test_late_response_is_rejected_and_reported_to_the_client(browser):
    address = browser.visit_provider()
    with time_machine.travel(time.time() + 601):
        assert fragment_of(browser.open(address)) == {"openid_error": "openid_state_invalid"}


def test_failed_sign_in_is_recorded_and_its_reason_is_logged(browser, provider, caplog):
    provider.set(claims={"aud": "other"})
    with browser.app.app_context():
        count = sa.select(sa.func.count()).where(AuditEntry.event == "sign_in_failed")
        before = db.session.execute(count).scalar_one()
    browser.sign_in()
    with browser.app.app_context():
        assert db.session.execute(count).scalar_one() == before + 1
    assert "Audience doesn't match" in caplog.text


DOCUMENTS = {
    "another issuer": {"metadata": {"issuer": "https://evil.example"}},
    "plain HTTP to another host": {"metadata": {"token_endpoint": "http://evil.example/token"}},
    "another host": {"metadata": {"token_endpoint": "https://evil.example/token"}},
    "the metadata service of a cloud": {"metadata": {"jwks_uri": "http://169.254.169.254/latest"}},
    "another port": {"metadata": {"jwks_uri": "http://127.0.0.1:1/jwks"}},
    "user information": {"metadata": {"jwks_uri": "http://127.0.0.1@evil.example/"}},
    "a file": {"metadata": {"jwks_uri": "file:///etc/passwd"}},
    "a script as authorization endpoint": {"metadata": {"authorization_endpoint": "javascript:alert(1)"}},
    "a malformed host": {"metadata": {"jwks_uri": "https://["}},
    "a line break": {"metadata": {"authorization_endpoint": "http://127.0.0.1/\r\nX: y"}},
    "a number": {"metadata": {"jwks_uri": 1}},
    "nothing": {"metadata": {"jwks_uri": None}},
    "a list": {"paths": {"/.well-known/openid-configuration": {"text": "[]"}}},
    "no JSON": {"paths": {"/.well-known/openid-configuration": {"text": "<html>"}}},
    "deep JSON": {"paths": {"/.well-known/openid-configuration": {"text": '{"a":' * 100_000}}},
    "a redirect": {"paths": {"/.well-known/openid-configuration": {"redirect": "/token"}}},
    "an error": {"paths": {"/.well-known/openid-configuration": {"status": 500}}},
    "not found": {"paths": {"/.well-known/openid-configuration": {"status": 404}}},
    "too much": {"paths": {"/.well-known/openid-configuration": {"bytes": 300_000}}},
}


@pytest.mark.parametrize("faults", DOCUMENTS.values(), ids=DOCUMENTS)
def test_unfit_discovery_document_is_503(openid_app, provider, faults):
    provider.set(**faults)
    browser = Browser(openid_app())
    program = browser.client.get(f"{START}?challenge={'x' * 43}")
    assert (program.status_code, program.json["code"], program.headers["Retry-After"]) == (503, "unavailable", "5")
    assert browser.start(next="/page").location == "/page#openid_error=unavailable"
    assert provider.hits("/.well-known/openid-configuration") == 1  # the second request came within the cooldown


def test_other_hosts_of_the_settings_are_allowed(openid_app, provider):
    port = urlsplit(provider.url).port
    provider.set(metadata={"jwks_uri": f"http://localhost:{port}/jwks"})
    assert Browser(openid_app()).start().location == "/#openid_error=unavailable"
    assert "openid_code" in Browser(openid_app(OPENID_HOSTS=f"localhost:{port}")).sign_in()


def test_documents_stay_in_use_while_they_cannot_be_read_again(openid_app, provider, monkeypatch):
    browser = Browser(openid_app())
    assert "openid_code" in browser.sign_in()
    monkeypatch.setattr(provider_module, "MAX_AGE", 0)
    monkeypatch.setattr(provider_module, "COOLDOWN", 0)
    provider.set(paths={path: {"status": 500} for path in ("/.well-known/openid-configuration", "/jwks")})
    assert "openid_code" in browser.sign_in()


ANSWERS = {
    "a redirect": ({"redirect": "/jwks"}, "unavailable"),
    "an error of the provider": ({"status": 500}, "unavailable"),
    "a rejected code": ({"status": 400}, "openid_failed"),
    "too much": ({"bytes": 300_000}, "unavailable"),
    "compressed": ({"bytes": 10, "headers": {"Content-Encoding": "gzip"}}, "openid_failed"),
    "no JSON": ({"text": "<html>"}, "unavailable"),
    "a list": ({"text": "[]"}, "unavailable"),
    "NaN": ({"text": '{"id_token": NaN}'}, "openid_failed"),
}


@pytest.mark.parametrize(("fault", "error"), ANSWERS.values(), ids=ANSWERS)
def test_unfit_answer_of_the_token_endpoint_is_reported(browser, provider, fault, error):
    address = browser.visit_provider()
    provider.set(paths={"/token": fault})
    assert fragment_of(browser.open(address)) == {"openid_error": error}


@pytest.mark.parametrize("code", ["", "x" * 100_000, "\u0000", "a&b=c"])
def test_any_code_of_a_browser_is_only_passed_on(browser, code):
    assert fragment_of(browser.open(with_query(browser.visit_provider(), code=code))) == FAILED


SLOW = {
    "silent": {"seconds": 5},
    "headers byte by byte": {"drip": 0.1, "first": "HTTP/1.1 200 OK\r\nX-Padding: "},
    "body byte by byte": {"drip": 0.1, "first": "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"},
}


@pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW)
def test_slow_provider_is_503_and_holds_few_threads_for_a_short_time(openid_app, provider, monkeypatch, fault):
    monkeypatch.setattr(provider_module, "DEADLINE", 0.5)
    app = openid_app()
    provider.set(paths={"/.well-known/openid-configuration": fault})
    started = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        slow = [threads.submit(Browser(app).start) for _ in range(8)]
        assert app.test_client().get("/healthz").status_code == 200
        assert {each.result().location for each in slow} == {"/#openid_error=unavailable"}
    wait_until(lambda: provider_module._threads.running == 0, 2)
    assert time.monotonic() - started < 5
    assert provider.hits("/.well-known/openid-configuration") == 1


def test_slow_token_endpoint_holds_no_thread(browser, provider, monkeypatch):
    address = browser.visit_provider()
    monkeypatch.setattr(provider_module, "DEADLINE", 0.5)
    provider.set(paths={"/token": SLOW["headers byte by byte"]})
    assert fragment_of(browser.open(address)) == {"openid_error": "unavailable"}
    wait_until(lambda: provider_module._threads.running == 0, 2)


def test_connection_after_the_deadline_is_shut_down(monkeypatch):
    """A thread that has waited for the one that reads a document connects when nobody waits any more."""
    monkeypatch.setattr(provider_module, "DEADLINE", -1)
    exchange, (own, theirs) = provider_module._Exchange(), socket.socketpair()
    exchange.shut_down()  # without a socket there is nothing to do
    with own, theirs:
        stream = SimpleNamespace(get_extra_info={"socket": own}.get)
        theirs.settimeout(2)
        exchange.follow("connection.connect_tcp.complete", {"return_value": stream})
        assert theirs.recv(1) == b""


def test_dead_provider_is_503(openid_app):
    response = openid_app(OPENID_ISSUER="http://127.0.0.1:9").test_client().get(f"{START}?challenge={'x' * 43}")
    assert (response.status_code, response.json["detail"]) == (
        503, "The OpenID provider does not respond. Try again later.",
    )  # fmt: skip


def test_callback_of_a_dead_provider_is_503_for_a_program(browser, provider):
    address = browser.visit_provider()
    provider.set(paths={"/token": {"status": 503}})
    response = browser.client.get(address.removeprefix("http://localhost"))
    assert (response.status_code, response.json["code"]) == (503, "unavailable")


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize(("path", "status"), [(f"{CALLBACK}?state=x", 400), (f"{START}?challenge=x", 422)])
def test_requests_are_limited_by_address(openid_app, path, status):
    client = openid_app(RATELIMIT_ENABLED=True).test_client()
    statuses = [client.get(path).status_code for _ in range(301)]
    assert statuses == [status] * 300 + [429]


def test_callbacks_of_all_addresses_are_limited(openid_app, provider, monkeypatch):
    monkeypatch.setattr(routes, "CALLBACK_ALL", routes.CALLBACK_ALL._replace(rate_of=lambda _settings: "1/hour"))
    app = openid_app(RATELIMIT_ENABLED=True)
    Browser(app).sign_in()
    assert Browser(app).sign_in() == {"openid_error": "too_many_requests"}
    assert provider.hits("/token") == 1
