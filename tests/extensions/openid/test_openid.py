"""Sign-in at an OpenID provider: what the browser gets, from the start to the code."""

import json
import secrets
from contextlib import ExitStack
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import httpx
import pytest

from taskapi.config import SettingsError
from taskapi.extensions.openid import provider as provider_module
from taskapi.extensions.openid.pending import challenge_of
from tests.extensions.openid.provider import CLIENT_ID
from tests.extensions.openid.signing_in import (
    CALLBACK,
    START,
    Browser,
    fragment_of,
    openid_app,
    provider,
    provider_process,
    shared_app,
)

__all__ = ["openid_app", "provider", "provider_process", "shared_app"]  # fixtures
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
def browser(shared_app, provider):
    return Browser(shared_app)


def test_browser_returns_with_a_code_in_the_fragment(browser, provider):
    response = browser.open(browser.visit_provider(next="/page?tab=1"))
    assert response.location.startswith("/page?tab=1#openid_code=")
    assert len(fragment_of(response)["openid_code"]) == 43
    assert provider.hits("/token") == 1


def test_start_sends_to_the_provider_with_pkce_state_and_nonce(browser):
    response = browser.start()
    query = dict(parse_qsl(urlsplit(response.location).query))
    assert response.headers["Cache-Control"] == "no-store"
    secret = {name: query.pop(name) for name in ("state", "nonce", "code_challenge")}
    assert all(len(value) == 43 for value in secret.values())
    assert len(set(secret.values())) == 3
    assert query == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": f"http://localhost{CALLBACK}",
        "scope": "openid profile",
        "code_challenge_method": "S256",
    }


def test_host_header_has_no_influence_on_the_redirect_uri(browser):
    response = browser.client.get(f"{START}?challenge={CHALLENGE}", headers={"Host": "evil.example"})
    assert "evil" not in response.location


def test_cookie_is_bound_to_the_host_and_short_lived(openid_app, provider):
    browser = Browser(openid_app(COOKIE_SECURE=True))
    cookie = browser.start().headers["Set-Cookie"]
    assert cookie.startswith("__Host-openid=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=3600"} <= {*cookie.split("; ")}
    assert "Domain" not in cookie


def test_cookie_does_not_contain_state_nonce_or_verifier(browser):
    response = browser.start()
    query = dict(parse_qsl(urlsplit(response.location).query))
    for name in ("state", "nonce", "code_challenge"):
        assert query[name] not in response.headers["Set-Cookie"]


def test_verifier_is_not_in_the_address_and_each_start_has_its_own(browser):
    first, second = (dict(parse_qsl(urlsplit(browser.start().location).query)) for _ in range(2))
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    assert challenge_of(first["state"]) != first["code_challenge"] != challenge_of(first["nonce"])


def test_fifth_request_to_the_provider_is_503_at_once(openid_app, provider):
    app = openid_app()
    with ExitStack() as running:
        for _ in range(provider_module.MAX_THREADS):
            running.enter_context(provider_module._threads.hold(uuid4()))
        assert Browser(app).start().location == "/#openid_error=unavailable"
        assert provider.hits("/.well-known/openid-configuration") == 0
    assert provider_module.MAX_THREADS == 4


def test_reauthentication_is_asked_of_the_provider(browser):
    query = dict(parse_qsl(urlsplit(browser.start(reauthenticate="true").location).query))
    assert (query["prompt"], query["max_age"]) == ("login", "60")


def test_documents_are_read_once(openid_app, provider):
    app = openid_app()
    for _ in range(3):
        assert "openid_code" in Browser(app).sign_in()
    assert [provider.hits(path) for path in ("/.well-known/openid-configuration", "/jwks", "/token")] == [1, 1, 3]


@pytest.mark.parametrize(
    "address",
    [
        "/", "/page", "/page?next=/other&x=%2F", "http://localhost/app", "http://localhost", "https://app.example.org",
        "https://app.example.org/signed-in?x=1",
    ],
)  # fmt: skip
def test_browser_returns_to_own_addresses(browser, address):
    response = browser.open(browser.visit_provider(next=address))
    assert response.location.partition("#")[0] == address


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%0d%0aX: y\r\nZ",
        "evil.example",
        "javascript:alert(1)", "https://app.example.org@evil.example/", "https://app.example.org.evil.example/",
        "https://app.example.org:444/", "http://app.example.org/", "https://APP.example.org/", "/#fragment", "/a b",
        "https:app.example.org", "https:///evil.example", "//localhost/", "/\t/evil.example", "///evil.example", "?x",
        "data:text/html,x", "http://localhost:1/", "/" + "x" * 500,
    ],
)  # fmt: skip
def test_browser_is_sent_to_no_other_address(browser, address):
    response = browser.start(next=address)
    assert (response.status_code, [*response.json["errors"]["query"]]) == (422, ["next"])


@pytest.mark.parametrize("challenge", ["", "short", CHALLENGE + "A", "é" * 43, CHALLENGE[:-1] + "%20"])
def test_start_needs_a_challenge(browser, challenge):
    assert browser.client.get(f"{START}?challenge={challenge}").status_code == 422


def test_cancelled_sign_in_is_reported_to_the_client(browser, provider):
    provider.set(answer={"code": None, "error": "access_denied", "error_description": "<script>"})
    response = browser.open(browser.visit_provider(next="/page"))
    assert response.location == "/page#openid_error=openid_denied"
    assert provider.hits("/token") == 0


def test_program_gets_an_error_in_place_of_a_redirect(browser, provider):
    provider.set(answer={"code": None, "error": "access_denied"})
    response = browser.client.get(browser.visit_provider().removeprefix("http://localhost"))
    assert (response.status_code, response.json["code"]) == (403, "openid_denied")


def test_provider_is_off_by_default(client):
    for path in (f"{START}?challenge={CHALLENGE}", CALLBACK):
        response = client.get(path)
        assert (response.status_code, response.json["code"]) == (409, "openid_off")


def test_callback_accepts_parameters_that_providers_add(browser):
    address = browser.visit_provider()
    assert "openid_code" in fragment_of(browser.open(f"{address}&session_state=1&scope=openid&authuser=0"))


TLS, PLAIN = "https://login.example.org", "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("issuer", "endpoint", "accepted"),
    [
        (TLS, f"{TLS}/endpoint", True),
        (TLS, "https://keys.example.org/endpoint", True),
        (TLS, "http://login.example.org/endpoint", False),
        (TLS, "http://keys.example.org/endpoint", False),
        (TLS, "http://localhost/endpoint", False),
        (TLS, "https://localhost.evil.example/endpoint", False),
        (TLS, f"{TLS}:8443/endpoint", False),
        (TLS, f"{TLS}/endpoint#fragment", False),
        (TLS, f"{TLS}/\u0085", False),
        (PLAIN, f"{PLAIN}/endpoint", True),
        (PLAIN, "https://keys.example.org/endpoint", True),
        (PLAIN, "http://keys.example.org/endpoint", False),
    ],
)
def test_endpoint_has_tls_and_a_known_host(make_app, issuer, endpoint, accepted):
    """Plain HTTP is accepted only of a provider on this machine that uses plain HTTP itself."""
    app = make_app(OPENID_ISSUER=issuer, OPENID_HOSTS="keys.example.org,localhost", OPENID_CLIENT_ID=CLIENT_ID)
    metadata = {"issuer": issuer, "authorization_endpoint": f"{issuer}/a", "jwks_uri": f"{issuer}/k"}
    metadata["token_endpoint"] = endpoint
    body = httpx.ByteStream(json.dumps(metadata).encode())
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, stream=body))
    app.extensions["taskapi-openid"]._http = httpx.Client(transport=transport)
    response = app.test_client().get(f"{START}?challenge={CHALLENGE}")
    assert response.status_code == (303 if accepted else 503)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"OPENID_CLIENT_ID": ""}, "OPENID_CLIENT_ID"),
        ({"OPENID_ISSUER": "http://login.example.org"}, "OPENID_ISSUER"),
        ({"OPENID_ISSUER": "ftp://login.example.org"}, "OPENID_ISSUER"),
        ({"OPENID_ISSUER": "https://login.example.org/?x=1"}, "OPENID_ISSUER"),
        ({"OPENID_PUBLIC_URL": "http://tasks.example.org"}, "OPENID_PUBLIC_URL"),
        ({"OPENID_PUBLIC_URL": "https://tasks.example.org/"}, "OPENID_PUBLIC_URL"),
        ({"OPENID_SCOPES": "profile"}, "OPENID_SCOPES"),
        ({"OPENID_HOSTS": "https://keys.example.org"}, "OPENID_HOSTS"),
        ({"ENV": "production", "TRUSTED_HOSTS": "x", "JWT_SECRET_KEY": secrets.token_hex(32)}, "OPENID_ISSUER"),
    ],
)
def test_unfit_settings_are_refused(openid_app, settings, name):
    with pytest.raises(SettingsError, match=f"TASKAPI_{name}: "):
        openid_app(**settings)


def test_client_secret_is_not_shown(shared_app):
    assert "a secret" not in repr(shared_app.config["SETTINGS"])
