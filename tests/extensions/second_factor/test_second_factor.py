"""Second factor: set it up, sign in with it, renew recovery codes, disable it."""

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import segno
import sqlalchemy as sa
from cryptography.fernet import Fernet

from taskapi.config import SettingsError
from taskapi.database import db
from taskapi.extensions.second_factor.models import RecoveryCode, SecondFactor
from tests.conftest import PASSWORD
from tests.extensions.second_factor.people import (
    FACTOR,
    KEY,
    NEW,
    Person,
    amr_of,
    factor_app,
    later,
    new_person,
    steady_step,
)

__all__ = ["factor_app", "new_person", "steady_step"]  # fixtures


def test_user_sets_a_second_factor_up_and_signs_in_with_it(new_person):
    person = new_person(enabled=False)
    assert person.client.get(FACTOR).json == {
        "available": True, "required": False, "enabled": False, "enabled_at": None, "recovery_codes_left": 0,
        "needs_password": True,
    }  # fmt: skip
    setup = person.start()
    response = person.client.post(f"{FACTOR}/confirm", json={"code": person.code(-1)})
    assert response.status_code == 200
    assert amr_of(response.json) == ["pwd", "otp"]
    assert len({*response.json["recovery_codes"]}) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){5}[a-z2-7]{4}", code) for code in response.json["recovery_codes"])
    person.use(response.json)
    state = person.client.get(FACTOR).json
    assert (state["enabled"], state["recovery_codes_left"]) == (True, 10)
    assert setup["secret"] not in person.client.get(FACTOR).text
    challenge = person.challenge()
    response = person.finish(challenge, person.code())
    assert response.status_code == 200
    assert response.json.keys() == {
        "access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in", "session_id",
    }  # fmt: skip
    assert amr_of(response.json) == ["pwd", "otp"]
    person.use(response.json)
    assert person.client.get("/api/v1/me").json["username"] == person.username
    assert "second_factor_enabled" in person.events()


def test_setup_has_the_secret_in_three_forms(new_person):
    person = new_person(enabled=False)
    setup = person.start()
    address = urlsplit(setup["otpauth_uri"])
    assert (address.scheme, address.netloc, unquote(address.path)) == ("otpauth", "totp", f"/taskapi:{person.username}")
    assert parse_qs(address.query) == {"secret": [setup["secret"]], "issuer": ["taskapi"]}
    assert re.fullmatch("[A-Z2-7]{32}", setup["secret"])
    drawn = segno.make_qr(setup["otpauth_uri"], error="m").svg_data_uri(border=4, light="#fff", omitsize=True)
    assert setup["qr_code"] == drawn
    assert setup["qr_code"].startswith("data:image/svg+xml")


def test_sign_in_without_a_code_gets_a_challenge_and_nothing_else(new_person):
    person = new_person()
    for cookies in (False, True):
        response = person.login(cookies=cookies)
        assert response.status_code == 401
        assert response.json["code"] == "second_factor_required"
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in response.headers
        assert not {"access_token", "refresh_token", "session_id"} & response.json.keys()
    assert len(person.client.get("/api/v1/auth/sessions").json["items"]) == 1


def test_wrong_password_gets_no_challenge(new_person):
    person, other = new_person(), new_person(enabled=False)
    [with_factor, without] = [one.login("wrong") for one in (person, other)]
    for response in (with_factor, without):
        assert (response.status_code, response.json["code"]) == (401, "invalid_credentials")
    assert with_factor.json.keys() == without.json.keys()


def test_second_step_sets_cookies_and_the_device_cookie(new_person):
    person = new_person()
    browser = person.app.test_client()
    response = browser.post(
        "/api/v1/auth/second-factor",
        json={"challenge": person.challenge(), "code": person.code(), "cookies": True},
    )
    assert response.json.keys() == {
        "token_type", "expires_in", "refresh_expires_in", "session_id", "csrf_access_token", "csrf_refresh_token",
    }  # fmt: skip
    assert browser.get_cookie("device") is not None
    assert browser.get("/api/v1/me").json["username"] == person.username


def test_code_may_have_spaces_and_recovery_code_capitals(new_person):
    person = new_person()
    code = person.code()
    assert person.finish(person.challenge(), f" {code[:3]} {code[3:]} ").status_code == 200
    typed = person.recovery_codes[0].upper().replace("-", " ")
    assert person.finish(person.challenge(), typed).status_code == 200


def test_recovery_code_signs_in_once(new_person):
    person = new_person()
    first = person.recovery_codes[0]
    person.sign_in(first)
    assert person.client.get(FACTOR).json["recovery_codes_left"] == 9
    assert person.events()[:2] == ["sign_in", "recovery_code_used"]
    response = person.finish(person.challenge(), first)
    assert (response.status_code, response.json["code"]) == (401, "invalid_code")


def test_second_start_replaces_the_first(new_person):
    person = new_person(enabled=False)
    person.start()
    before = person.code()
    person.start()
    assert person.client.post(f"{FACTOR}/confirm", json={"code": before}).json["code"] == "invalid_code"
    assert person.client.post(f"{FACTOR}/confirm", json={"code": person.code()}).status_code == 200


def test_started_factor_does_not_count(new_person):
    person = new_person(enabled=False)
    person.start()
    assert person.login().status_code == 200


def test_enabling_ends_the_other_sessions(new_person):
    person = new_person(enabled=False)
    other = Person.__new__(Person)
    other.__dict__ = {**person.__dict__, "client": person.app.test_client()}
    tokens = other.sign_in()
    person.enable()
    assert other.client.get("/api/v1/me").json["code"] == "token_revoked"
    refreshed = other.client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refreshed.json["code"] == "invalid_refresh_token"
    assert len(person.client.get("/api/v1/auth/sessions").json["items"]) == 1


def test_enabled_factor_cannot_be_replaced(new_person):
    person = new_person()
    assert person.client.post("/api/v1/auth/verify-password", json={"password": PASSWORD}).status_code == 200
    person.use(person.client.post("/api/v1/auth/verify-password", json={"password": PASSWORD}).json)
    for path, body in (("", {"password": PASSWORD}), ("/confirm", {"code": person.code()})):
        response = person.client.post(f"{FACTOR}{path}", json=body)
        assert (response.status_code, response.json["code"]) == (409, "second_factor_enabled")


def fresh(person):
    person.use(person.client.post("/api/v1/auth/verify-password", json={"password": PASSWORD}).json)
    return person


def test_user_renews_recovery_codes(new_person):
    person = fresh(new_person())
    body = {"password": PASSWORD, "code": person.code()}
    response = person.client.post(f"{FACTOR}/recovery-codes", json=body)
    assert response.status_code == 200
    renewed = response.json["recovery_codes"]
    assert len({*renewed, *person.recovery_codes}) == 20
    assert person.finish(person.challenge(), person.recovery_codes[0]).json["code"] == "invalid_code"
    assert person.finish(person.challenge(), renewed[0]).status_code == 200
    assert "recovery_codes_created" in person.events()


@pytest.mark.parametrize("kind", ["code", "recovery code"])
def test_user_disables_the_factor(new_person, kind):
    person = fresh(new_person())
    code = person.code() if kind == "code" else person.recovery_codes[3]
    response = person.client.post(f"{FACTOR}/disable", json={"password": PASSWORD, "code": code})
    assert response.status_code == 200
    assert amr_of(response.json) == ["pwd"]
    assert person.client.get("/api/v1/me").json["code"] == "token_revoked"
    person.use(response.json)
    state = person.client.get(FACTOR).json
    assert (state["enabled"], state["recovery_codes_left"]) == (False, 0)
    assert "second_factor_disabled" in person.events()
    assert person.login().status_code == 200


def test_disabled_factor_can_be_set_up_again(new_person):
    person = fresh(new_person())
    body = {"password": PASSWORD, "code": person.code()}
    person.use(person.client.post(f"{FACTOR}/disable", json=body).json)
    fresh(person).enable()
    assert person.finish(person.challenge(), person.code()).status_code == 200


def test_without_a_factor_there_is_nothing_to_disable_or_confirm(new_person):
    person = new_person(enabled=False)
    both = {"password": PASSWORD, "code": "123456"}
    for path, body in (("disable", both), ("recovery-codes", both), ("confirm", {"code": "123456"})):
        response = person.client.post(f"{FACTOR}/{path}", json=body)
        assert (response.status_code, response.json["code"]) == (409, "second_factor_missing")


def test_password_change_keeps_the_factor_and_how_the_user_signed_in(new_person):
    person = new_person()
    body = {"current_password": PASSWORD, "new_password": NEW}
    changed = person.client.put("/api/v1/me/password", json=body)
    assert amr_of(changed.json) == ["pwd", "otp"]
    assert person.challenge(NEW)


def test_database_has_neither_secret_nor_recovery_codes_in_clear(new_person, factor_app):
    person = new_person()
    with factor_app.app_context():
        factor = db.session.scalars(sa.select(SecondFactor).where(SecondFactor.user_id == person.id)).one()
        codes = db.session.scalars(sa.select(RecoveryCode.digest).where(RecoveryCode.user_id == person.id)).all()
        assert person.secret.encode() not in factor.secret
        assert Fernet(KEY).decrypt(factor.secret).decode() == person.secret
        assert (len(codes), {len(code) for code in codes}) == (10, {32})


def test_deleted_account_leaves_no_factor(new_person, factor_app):
    person = fresh(new_person())
    assert person.client.delete("/api/v1/me").status_code == 204
    with factor_app.app_context():
        for model in (SecondFactor, RecoveryCode):
            assert db.session.scalars(sa.select(model.user_id).where(model.user_id == person.id)).all() == []


def test_server_without_a_key_offers_no_factor(signed_in):
    user = signed_in()
    assert user.get(FACTOR).json["available"] is False
    response = user.post(FACTOR, json={"password": PASSWORD})
    assert (response.status_code, response.json["code"]) == (409, "second_factor_off")


def test_lost_key_opens_no_door_and_recovery_codes_work(new_person, make_app):
    person = new_person()
    person.app = make_app()
    challenge = person.challenge()
    assert person.finish(challenge, person.code()).json["code"] == "invalid_code"
    assert person.finish(challenge, person.recovery_codes[0]).status_code == 200


def test_keys_rotate(new_person, make_app):
    person = new_person()
    new_key = Fernet.generate_key().decode()
    both = make_app(SECOND_FACTOR_KEYS=f"{new_key},{KEY}")
    person.app = both
    assert person.finish(person.challenge(), person.code(0)).status_code == 200
    result = both.test_cli_runner().invoke(args=["second-factor", "rotate"])
    assert "Encrypted by the first key" in result.output  # other tests leave factors that these keys do not decrypt
    person.app = make_app(SECOND_FACTOR_KEYS=new_key)
    assert person.finish(person.challenge(), person.code(1)).status_code == 200


def test_rotation_reports_what_no_key_decrypts(new_person, make_app):
    new_person()
    app = make_app(SECOND_FACTOR_KEYS=Fernet.generate_key().decode())
    result = app.test_cli_runner().invoke(args=["second-factor", "rotate"])
    assert (result.exit_code, "cannot be decrypted" in result.output) == (1, True)


def test_operator_removes_a_lost_factor(new_person, factor_app):
    person = new_person()
    result = factor_app.test_cli_runner().invoke(args=["second-factor", "remove", person.username.upper()])
    assert (result.exit_code, person.username in result.output) == (0, True), result.output
    assert person.client.get("/api/v1/me").json["code"] == "token_revoked"
    person.sign_in()
    assert "second_factor_disabled" in person.events()
    again = factor_app.test_cli_runner().invoke(args=["second-factor", "remove", person.username])
    assert (again.exit_code, "no second factor" in again.output) == (1, True)


@pytest.mark.parametrize(
    "settings",
    [
        {"SECOND_FACTOR_KEYS": "short"},
        {"SECOND_FACTOR_KEYS": f"{KEY},x"},
        {"SECOND_FACTOR_KEYS": KEY, "SECOND_FACTOR_ROLES": "boss"},
        {"SECOND_FACTOR_ROLES": "admin"},
    ],
)
def test_invalid_settings_are_refused(make_app, settings):
    with pytest.raises(SettingsError, match="SECOND_FACTOR") as refused:
        make_app(**settings)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
def test_codes_of_the_step_before_and_after_are_accepted(new_person, steps, status):
    person = new_person()
    with later(minutes=2):
        assert person.finish(person.challenge(), person.code(steps)).status_code == status
