"""Passkeys: add them, sign in, list and remove them."""

import secrets
from uuid import UUID

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from taskapi.auth import service as auth_service
from taskapi.config import SettingsError
from taskapi.database import db
from taskapi.extensions.passkeys.models import Passkey
from taskapi.extensions.passkeys.schemas import REGISTRATION_OPTIONS, SIGN_IN_OPTIONS
from taskapi.users.service import change_active, lock_account
from tests.conftest import PASSWORD
from tests.extensions.passkeys.authenticator import (
    ORIGIN,
    PASSKEYS,
    RP_ID,
    SETTINGS,
    SIGN_IN,
    Authenticator,
    claims_of,
    new_person,
    passkey_app,
    sign_in_options,
)
from tests.surface import needs

__all__ = ["new_person", "passkey_app"]  # fixtures
PRODUCTION = {"ENV": "production", "JWT_SECRET_KEY": secrets.token_hex(32), "TRUSTED_HOSTS": "localhost"}
FOREIGN = "https://tasks.example.org.evil.example"


def test_user_adds_a_passkey_and_signs_in_with_it(new_person):
    person = new_person()
    assert person.client.get(PASSKEYS).json == {"items": []}
    response = person.add()
    assert response.status_code == 201
    assert person.client.get(PASSKEYS).json == {"items": [response.json]}
    assert (response.json["name"], response.json["last_used_at"]) == ("Phone", None)
    response = person.sign_in()
    assert response.status_code == 200
    assert response.json.keys() == {
        "access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in", "session_id",
    }  # fmt: skip
    claims = claims_of(response)
    assert (claims["amr"], claims["fresh"]) == (["pop", "user", "mfa"], True)
    person.use(response)
    assert person.client.get("/api/v1/me").json["username"] == person.username
    assert person.client.get(PASSKEYS).json["items"][0]["last_used_at"]
    assert [each["event"] for each in person.activity()][:3] == ["sign_in", "passkey_added", "sign_in"]


def test_session_of_a_passkey_is_refreshed_as_any_other(new_person):
    person = new_person()
    person.added()
    grant = person.sign_in().json
    response = person.client.post("/api/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]})
    claims = claims_of(response)
    assert (claims["amr"], claims["fresh"], claims["sid"]) == (["pop", "user", "mfa"], False, grant["session_id"])


def test_tokens_come_in_cookies_on_request(new_person):
    person = new_person()
    person.added()
    browser = person.app.test_client()
    credential = person.authenticator.get(sign_in_options(person.app))
    response = browser.post(SIGN_IN, json={"credential": credential, "cookies": True})
    assert response.json["token_type"] == "Cookie"
    assert "access_token" not in response.json
    assert browser.get("/api/v1/me").json["username"] == person.username
    assert browser.post(f"{PASSKEYS}/options").json["code"] == "csrf_failed"


def test_options_are_those_of_the_document(new_person):
    person = new_person()
    options = person.options()
    assert options.keys() == REGISTRATION_OPTIONS.keys()
    changing = ("challenge", "user", "excludeCredentials")
    assert [options[name] for name in options if name not in changing] == [
        REGISTRATION_OPTIONS[name] for name in options if name not in changing
    ]
    asked = sign_in_options(person.app)
    assert {**asked, "challenge": ""} == {**SIGN_IN_OPTIONS, "challenge": ""}


def test_options_of_a_sign_in_name_nobody_and_write_nothing(new_person, passkey_app):
    person = new_person()
    person.added()
    with passkey_app.app_context():
        seen = []
        sa.event.listen(db.engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
        options = sign_in_options(passkey_app)
    assert options["allowCredentials"] == []
    assert seen == []


def test_options_exclude_passkeys_of_the_user(new_person):
    person, other = new_person(), new_person()
    person.added()
    assert [each["id"] for each in person.options()["excludeCredentials"]] == [
        person.authenticator.create(person.options())["id"]
    ]
    assert other.options()["excludeCredentials"] == []


def test_challenges_differ(new_person, passkey_app):
    person = new_person()
    challenges = [person.options()["challenge"] for _ in range(3)]
    challenges += [sign_in_options(passkey_app)["challenge"] for _ in range(3)]
    assert len({*challenges}) == 6


@pytest.mark.parametrize(
    "make", [ed25519.Ed25519PrivateKey.generate, lambda: rsa.generate_private_key(65537, 2048)], ids=["EdDSA", "RS256"]
)
def test_all_offered_algorithms_work(new_person, make):
    person = new_person()
    person.authenticator = Authenticator(make())
    person.added()
    assert person.sign_in().status_code == 200


def test_self_attestation_is_accepted(new_person):
    """Some authenticators sign the registration with the new key, and browsers pass that on."""
    person = new_person()
    assert person.add(signs_itself=True).status_code == 201
    assert person.sign_in().status_code == 200


def test_removed_passkey_cannot_sign_in(new_person):
    person = new_person()
    passkey = person.added()
    session = person.sign_in()
    assert person.client.delete(f"{PASSKEYS}/{passkey}").status_code == 204
    response = person.sign_in()
    assert (response.status_code, response.json["code"]) == (401, "passkey_invalid")
    assert person.client.delete(f"{PASSKEYS}/{passkey}").json["code"] == "not_found"
    assert person.activity()[0]["event"] == "passkey_removed"
    person.use(session)
    assert person.client.get(PASSKEYS).json == {"items": []}


def test_removed_passkey_can_be_added_again(new_person):
    person = new_person()
    person.client.delete(f"{PASSKEYS}/{person.added()}")
    person.added()
    assert person.sign_in().status_code == 200


def test_user_has_a_limited_number(make_app, new_person):
    person = new_person(app=make_app(**SETTINGS, MAX_PASSKEYS=2))
    for _ in range(2):
        person.authenticator = Authenticator()
        first = person.added()
    person.authenticator = Authenticator()
    assert person.add().json["code"] == "quota_exceeded"
    person.client.delete(f"{PASSKEYS}/{first}")
    assert person.add().status_code == 201


def test_passkey_signs_in_after_the_password_has_changed(new_person):
    person = new_person()
    person.added()
    body = {"current_password": PASSWORD, "new_password": "another horse battery staple"}
    assert person.client.put("/api/v1/me/password", json=body).status_code == 200
    assert person.sign_in().status_code == 200


def test_token_of_a_passkey_is_fresh_enough_to_delete_the_account(new_person, passkey_app):
    person = new_person()
    passkey = person.added()
    person.use(person.sign_in())
    assert person.client.delete("/api/v1/me").status_code == 204
    assert person.sign_in().status_code == 401
    with passkey_app.app_context():
        assert db.session.get(Passkey, UUID(passkey)) is None


def test_deactivated_user_is_refused(new_person, passkey_app):
    person = new_person()
    person.added()
    with passkey_app.app_context():
        change_active(lock_account(UUID(bytes=person.authenticator.user_handle)), active=False)
        db.session.commit()
    assert person.sign_in().json["code"] == "passkey_invalid"


@needs("exports")
def test_export_of_the_account_has_passkeys_without_keys(new_person):
    person = new_person()
    person.added()
    person.sign_in()
    [passkey] = person.client.get("/api/v1/me/export").json["passkeys"]
    assert passkey.keys() == {"id", "name", "sign_count", "created_at", "last_used_at"}


def test_checks_of_other_extensions_see_the_methods(new_person, monkeypatch):
    person = new_person()
    person.added()
    seen = []
    monkeypatch.setattr(auth_service, "SIGN_IN_CHECKS", [lambda *call: seen.append((call[0].username, *call[1:]))])
    assert person.sign_in().status_code == 200
    assert seen == [(person.username, ["pop", "user", "mfa"], True)]


def test_server_without_passkeys_responds_409(signed_in, new_person):
    user = signed_in()
    person = new_person()
    create, get = person.authenticator.create(person.options()), person.authenticator.get(sign_in_options(person.app))
    for client, path, body in (
        (user, f"{PASSKEYS}/options", None),
        (user, PASSKEYS, {"name": "Phone", "credential": create}),
        (user, f"{SIGN_IN}/options", None),
        (user, SIGN_IN, {"credential": get}),
    ):
        response = client.post(path, json=body) if body else client.post(path)
        assert (response.status_code, response.json["code"]) == (409, "passkeys_off")


def test_operator_removes_all_passkeys(new_person, passkey_app):
    person = new_person()
    person.added()
    command = ["passkeys", "remove", person.username.upper()]
    result = passkey_app.test_cli_runner().invoke(args=command)
    assert (result.exit_code, f"{person.username} removed: 1" in result.output) == (0, True), result.output
    assert person.client.get("/api/v1/me").json["code"] == "token_revoked"
    assert person.sign_in().status_code == 401
    again = passkey_app.test_cli_runner().invoke(args=command)
    assert (again.exit_code, "no passkeys" in again.output) == (1, True)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"PASSKEY_RP_ID": "https://tasks.example.org"}, "PASSKEY_RP_ID"),
        ({"PASSKEY_RP_ID": "Tasks.example.org"}, "PASSKEY_RP_ID"),
        ({"PASSKEY_RP_ID": "127.0.0.1"}, "PASSKEY_RP_ID"),
        ({"PASSKEY_ORIGINS": ORIGIN}, "PASSKEY_RP_ID"),
        ({**SETTINGS, "PASSKEY_ORIGINS": "https://example.org"}, "PASSKEY_ORIGINS"),
        ({**SETTINGS, "PASSKEY_ORIGINS": FOREIGN}, "PASSKEY_ORIGINS"),
        ({**SETTINGS, "PASSKEY_ORIGINS": f"{ORIGIN}/"}, "PASSKEY_ORIGINS"),
        ({**SETTINGS, "PASSKEY_ORIGINS": "https://eviltasks.example.org"}, "PASSKEY_ORIGINS"),
        ({**SETTINGS, "PASSKEY_ORIGINS": "http://tasks.example.org"}, "PASSKEY_ORIGINS"),
        ({"PASSKEY_RP_ID": "localhost", "PASSKEY_ORIGINS": "http://localhost:8000", **PRODUCTION}, "PASSKEY_ORIGINS"),
    ],
)
def test_invalid_settings_are_refused(make_app, settings, part):
    with pytest.raises(SettingsError, match=part):
        make_app(**settings)


def test_configured_origins_replace_that_of_the_domain(make_app, new_person):
    person = new_person(app=make_app(**SETTINGS, PASSKEY_ORIGINS=f"https://app.{RP_ID}:8443,https://www.{RP_ID}"))
    for port in ("", ":8443"):
        client = {"origin": f"https://app.{RP_ID}{port}"}
        assert person.add(client=client).status_code == (201 if port else 422)
        assert person.sign_in(client=client).status_code == (200 if port else 401)
