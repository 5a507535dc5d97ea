"""Fixtures: the provider of the tests, and a browser that signs in with it."""

import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from conftest import ROOT, AppFactory
from flask import Flask
from flask.testing import FlaskClient

from taskapi.database import db
from taskapi.extensions.openid.pending import challenge_of
from taskapi.extensions.openid.service import OpenidSignIn
from tests.extensions.openid.provider import CLIENT_ID, CLIENT_SECRET

START, CALLBACK = "/openid/start", "/openid/callback"
PAGE = {"Accept": "text/html,application/xhtml+xml"}  # as browsers send it
SETTINGS = {
    "OPENID_CLIENT_ID": CLIENT_ID,
    "OPENID_CLIENT_SECRET": CLIENT_SECRET,
    "OPENID_PUBLIC_URL": "http://localhost",
    "CORS_ORIGINS": "https://app.example.org",
}


class TestProvider:
    """The provider of the tests."""

    __test__ = False

    def __init__(self, url: str) -> None:
        self.url = url

    def set(self, **faults: Any) -> None:
        """Let the provider misbehave."""
        httpx.post(f"{self.url}/control", json=faults).raise_for_status()

    def hits(self, path: str) -> int:
        """Return the number of requests for a path."""
        return int(httpx.get(f"{self.url}/control").json()["hits"].count(path))


@contextmanager
def run_provider() -> Iterator[TestProvider]:
    """Start the provider as a process of its own."""
    command = [sys.executable, "-m", "tests.extensions.openid.provider"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield TestProvider(process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.fixture(scope="session")
def provider_process() -> Iterator[TestProvider]:
    """The provider, once for all tests of a worker."""
    with run_provider() as provider:
        yield provider


@pytest.fixture
def provider(provider_process: TestProvider) -> TestProvider:
    """An honest provider with the same keys as before, so that applications may keep them."""
    provider_process.set(reset=True)
    return provider_process


class Browser:
    """A browser that signs in at the provider, for a client that has made a verifier."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client: FlaskClient = app.test_client()
        self.verifier = secrets.token_urlsafe(48)

    def start(self, **query: str) -> Any:
        """Open the start, and return the redirect to the provider."""
        query = {"challenge": challenge_of(self.verifier), **query}
        return self.client.get(f"{START}?{urlencode(query)}", headers=PAGE)

    def visit_provider(self, **query: str) -> str:
        """Start, sign in at the provider, and return the address of the callback."""
        response = self.start(**query)
        assert response.status_code == 303, response.text
        answer = httpx.get(response.location)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def open(self, address: str, **headers: str) -> Any:
        """Open an address of the application."""
        return self.client.get(address.removeprefix("http://localhost"), headers={**PAGE, **headers})

    def sign_in(self, **query: str) -> dict[str, str]:
        """Sign in at the provider; return what the client finds in the fragment."""
        return fragment_of(self.open(self.visit_provider(**query)))

    def code(self, **query: str) -> dict[str, str]:
        """Sign in at the provider; return what the client sends to exchange the code."""
        return {"code": self.sign_in(**query)["openid_code"], "verifier": self.verifier}


def fragment_of(response: Any) -> dict[str, str]:
    """Return the fragment of a redirect."""
    assert response.status_code == 303, response.text
    return dict(parse_qsl(urlsplit(response.location).fragment))


def with_query(address: str, **changes: str | None) -> str:
    """Return an address with other parameters in its query."""
    query = {**dict(parse_qsl(urlsplit(address).query)), **changes}
    kept = {name: value for name, value in query.items() if value is not None}
    return f"{re.sub(r'[?].*', '', address)}?{urlencode(kept)}"


OpenidApp = Callable[..., Flask]


@pytest.fixture
def openid_app(make_app: AppFactory, provider: TestProvider) -> OpenidApp:
    """Build an application that signs in with the provider, and has not read its documents."""
    return lambda **settings: make_app(**{"OPENID_ISSUER": provider.url, **SETTINGS, **settings})


@pytest.fixture(scope="module")
def shared_app(make_app: AppFactory, provider_process: TestProvider) -> Flask:
    """An application that signs in with the provider, and may have read its documents."""
    return make_app(OPENID_ISSUER=provider_process.url, **SETTINGS)


@pytest.fixture
def browser_of() -> Callable[[Flask], Browser]:
    """Return a new browser for an application."""
    return Browser


def codes_of(app: Flask) -> int:
    """Return the number of codes that wait for an exchange."""
    with app.app_context():
        return int(db.session.execute(sa.select(sa.func.count(OpenidSignIn.code))).scalar_one())
