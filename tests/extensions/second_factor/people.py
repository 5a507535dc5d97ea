"""Users with a second factor, and what they do, for tests."""

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from pyotp import TOTP
from werkzeug.test import TestResponse

from taskapi.database import db
from taskapi.users.models import create_user
from tests.conftest import PASSWORD, AppFactory
from tests.forging import decode_token

FACTOR = "/api/v1/me/second-factor"
LOGIN = "/api/v1/auth/login"
SECOND = "/api/v1/auth/second-factor"
KEY = Fernet.generate_key().decode()
NEW = "another horse battery staple"


class Person:
    """A user, with the authenticator application and a client that sends the latest token."""

    def __init__(self, app: Flask, role: str = "editor") -> None:
        self.app = app
        self.username = f"person-{secrets.token_hex(6)}"
        with app.app_context():
            self.id = create_user(self.username, PASSWORD, roles=[role]).id
            db.session.commit()
        self.client: FlaskClient = app.test_client()
        self.secret = ""
        self.recovery_codes: list[str] = []

    def code(self, steps: int = 0) -> str:
        """Return the code of the application, `steps` after the current one."""
        return TOTP(self.secret).at(datetime.now(UTC) + timedelta(seconds=30 * steps))

    def use(self, body: dict[str, Any]) -> None:
        """Send the access token of a response from now on."""
        self.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {body['access_token']}"

    def login(self, password: str = PASSWORD, **members: Any) -> TestResponse:
        """Send the password, as a client without tokens."""
        return self.app.test_client().post(LOGIN, json={"username": self.username, "password": password, **members})

    def challenge(self, password: str = PASSWORD) -> str:
        """Send the password; return the challenge."""
        response = self.login(password)
        assert (response.status_code, response.json["code"]) == (401, "second_factor_required"), response.text
        return str(response.json["challenge"])

    def finish(self, challenge: str, code: str, **members: Any) -> TestResponse:
        """Send a challenge and a code, as a client without tokens."""
        return self.app.test_client().post(SECOND, json={"challenge": challenge, "code": code, **members})

    def sign_in(self, code: str | None = None) -> dict[str, Any]:
        """Sign in with the password, and with a code once the factor is enabled; return the response."""
        response = self.login() if code is None else self.finish(self.challenge(), code)
        assert response.status_code == 200, response.text
        self.use(response.json)
        return response.json

    def start(self) -> dict[str, Any]:
        """Start to set up the factor."""
        response = self.client.post(FACTOR, json={"password": PASSWORD})
        assert response.status_code == 200, response.text
        self.secret = response.json["secret"]
        return response.json

    def enable(self) -> dict[str, Any]:
        """Set up the factor with the code of the time step before, which leaves the next ones; return the response."""
        self.start()
        response = self.client.post(f"{FACTOR}/confirm", json={"code": self.code(-1)})
        assert response.status_code == 200, response.text
        self.use(response.json)
        self.recovery_codes = response.json["recovery_codes"]
        return response.json

    def events(self) -> list[str]:
        """Return the events of the account, the latest first."""
        return [entry["event"] for entry in self.client.get("/api/v1/me/activity").json["items"]]


def amr_of(body: dict[str, Any]) -> list[str]:
    """Return how the user of a response signed in."""
    return list(decode_token(body["access_token"])[1]["amr"])


def later(**units: float) -> Any:
    """Travel in time."""
    return time_machine.travel(datetime.now(UTC) + timedelta(**units), tick=True)


@pytest.fixture(scope="module")
def factor_app(make_app: AppFactory) -> Flask:
    """The application with a second factor."""
    return make_app(SECOND_FACTOR_KEYS=KEY)


@pytest.fixture(autouse=True)
def steady_step() -> Iterator[None]:
    """Begin each test at the start of a time step, so that its codes do not change during the test."""
    now = datetime.now(UTC).timestamp()
    with time_machine.travel(now - now % 30 + 1, tick=True):
        yield


@pytest.fixture
def new_person(factor_app: Flask) -> Callable[..., Person]:
    """Create a user who has signed in; with `enabled` they have a second factor."""

    def create(role: str = "editor", *, enabled: bool = True, app: Flask = factor_app) -> Person:
        person = Person(app, role)
        person.sign_in()
        if enabled:
            person.enable()
        return person

    return create
