"""Passkeys of users with a second factor, and of roles that require one: what each way to a token yields."""

from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from pyotp import TOTP

from taskapi.database import db
from taskapi.users.service import change_roles, lock_account
from tests.conftest import PASSWORD
from tests.extensions.passkeys.authenticator import (
    PASSKEYS,
    SETTINGS,
    Authenticator,
    claims_of,
    new_person,
    passkey_app,
)
from tests.forging import decode_token
from tests.surface import needs

__all__ = ["new_person", "passkey_app"]  # fixtures
pytestmark = [pytest.mark.slow, needs("second_factor")]
FACTOR = "/api/v1/me/second-factor"


@pytest.fixture(scope="module")
def strict_app(make_app):
    """The application that requires a second factor of administrators."""
    keys = Fernet.generate_key().decode()
    return make_app(**SETTINGS, SECOND_FACTOR_KEYS=keys, SECOND_FACTOR_ROLES="admin")


def enable(person):
    """Set up a second factor of a user."""
    secret = person.client.post(FACTOR, json={"password": PASSWORD}).json["secret"]
    person.use(person.client.post(f"{FACTOR}/confirm", json={"code": TOTP(secret).now()}))


def verify(person):
    return person.client.post("/api/v1/auth/verify-password", json={"password": PASSWORD})


def refresh(person):
    grant = person.sign_in().json
    return person.app.test_client().post("/api/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]})


def end_sessions(person):
    return person.client.delete("/api/v1/auth/sessions")


# The way, and freshness
PATHS = [
    (lambda person: person.sign_in(), True),
    (refresh, False),
    (verify, True),
    (end_sessions, False),
]


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize(("way", "fresh"), PATHS, ids=["sign-in", "refresh", "verify-password", "end-sessions"])
def test_way_to_a_token_after_a_passkey_yields(strict_app, new_person, way, fresh, enabled):
    person = new_person(app=strict_app)
    person.added()
    if enabled:
        enable(person)
    person.use(person.sign_in())
    response = way(person)
    assert response.status_code == 200, response.text
    claims = claims_of(response)
    assert (claims["fresh"], claims["amr"]) == (fresh, ["pop", "user", "mfa"])


def test_enabling_a_factor_in_the_session_of_a_passkey_keeps_both(strict_app, new_person):
    person = new_person(app=strict_app)
    person.added()
    person.use(person.sign_in())
    enable(person)
    token = person.client.environ_base["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    assert decode_token(token)[1]["amr"] == ["pop", "user", "mfa", "otp"]


def test_passkey_satisfies_a_role_that_requires_a_factor(strict_app, new_person):
    person = new_person(app=strict_app)
    person.added()
    with strict_app.app_context():
        change_roles(lock_account(UUID(bytes=person.authenticator.user_handle)), ["admin"])
        db.session.commit()
    person.use(person.sign_in())
    assert person.client.get("/api/v1/tasks").status_code == 200
    assert person.client.get(FACTOR).json["required"] is False
    person.authenticator = Authenticator()
    person.added()


def test_password_does_not_satisfy_it_and_adds_no_passkey(strict_app, new_person):
    person = new_person("admin", app=strict_app)
    for response in (
        person.client.post(f"{PASSKEYS}/options"),
        person.client.post(PASSKEYS, json={}),
        person.client.get(PASSKEYS),
    ):
        assert (response.status_code, response.json["code"]) == (403, "second_factor_setup_required")
    assert person.client.get(FACTOR).json["required"] is True


def test_password_of_a_user_with_a_factor_still_needs_the_code(strict_app, new_person):
    person = new_person(app=strict_app)
    person.added()
    enable(person)
    credentials = {"username": person.username, "password": PASSWORD}
    response = strict_app.test_client().post("/api/v1/auth/login", json=credentials)
    assert response.json["code"] == "second_factor_required"
