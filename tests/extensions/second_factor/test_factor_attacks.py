"""Attacks on the second factor: each way around it, and each guess."""

import json
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from unittest import mock
from uuid import uuid4

import pytest
import sqlalchemy as sa
from itsdangerous import URLSafeTimedSerializer

from taskapi.audit.models import AuditEntry
from taskapi.database import db
from taskapi.extensions.second_factor import challenges
from taskapi.extensions.second_factor.models import SecondFactor
from taskapi.extensions.second_factor.service import CODES
from taskapi.users.service import change_active, change_roles, lock_account
from tests.conftest import PASSWORD
from tests.extensions.second_factor.people import (
    FACTOR,
    KEY,
    NEW,
    SECOND,
    amr_of,
    factor_app,
    later,
    new_person,
    steady_step,
)
from tests.forging import b64, decode_token
from tests.surface import needs

pytestmark = pytest.mark.slow

__all__ = ["factor_app", "new_person", "steady_step"]  # fixtures


def refused(response, code, status=401):
    assert (response.status_code, response.json["code"]) == (status, code), response.text
    assert "Set-Cookie" not in response.headers
    assert not {"access_token", "refresh_token"} & response.json.keys()


def as_bearer(person, token):
    return person.app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})


def fresh(person):
    person.use(person.client.post("/api/v1/auth/verify-password", json={"password": PASSWORD}).json)
    return person


def wrong(code):
    return f"{(int(code) + 500_000) % 1_000_000:06}"


# The challenge


def test_challenge_is_no_token(new_person):
    person = new_person()
    challenge = person.challenge()
    refused(as_bearer(person, challenge), "token_malformed")
    browser = person.app.test_client()
    browser.set_cookie("access_token", challenge)
    refused(browser.get("/api/v1/me"), "token_malformed")
    refused(
        person.app.test_client().post("/api/v1/auth/refresh", json={"refresh_token": challenge}),
        "invalid_refresh_token",
    )
    refused(
        person.app.test_client().post("/api/v1/auth/logout", json={"refresh_token": challenge}), "invalid_refresh_token"
    )


def test_token_is_no_challenge(new_person):
    person = new_person()
    tokens = person.sign_in(person.code())
    for token in (tokens["access_token"], tokens["refresh_token"]):
        refused(person.finish(token, person.code(1)), "challenge_invalid")


def test_challenge_belongs_to_one_user(new_person):
    ada, eve = new_person(), new_person()
    refused(ada.finish(ada.challenge(), eve.code()), "invalid_code")
    refused(ada.finish(ada.challenge(), eve.recovery_codes[0]), "invalid_code")
    assert ada.finish(eve.challenge(), eve.code()).status_code == 200  # signs eve in, whoever sends it


def test_challenge_expires(new_person):
    person = new_person()
    challenge = person.challenge()
    with later(seconds=299):
        assert person.finish(challenge, person.code()).status_code == 200
    with later(seconds=302):
        refused(person.finish(challenge, person.code()), "challenge_invalid")


def change_password(person):
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert person.client.put("/api/v1/me/password", json=body).status_code == 200


def disable_and_enable(person):
    body = {"password": PASSWORD, "code": person.recovery_codes[9]}
    person.use(fresh(person).client.post(f"{FACTOR}/disable", json=body).json)
    fresh(person).enable()


def deactivate(person):
    with person.app.app_context():
        change_active(lock_account(person.id), active=False)
        db.session.commit()


def deactivate_and_activate(person):
    deactivate(person)
    with person.app.app_context():
        change_active(lock_account(person.id), active=True)
        db.session.commit()


def change_role(person):
    with person.app.app_context():
        change_roles(lock_account(person.id), ["viewer"])
        db.session.commit()


def lose_the_factor(person):
    result = person.app.test_cli_runner().invoke(args=["second-factor", "remove", person.username])
    assert result.exit_code == 0, result.output


def delete_account(person):
    assert fresh(person).client.delete("/api/v1/me").status_code == 204


CHANGES = [
    change_password,
    disable_and_enable,
    deactivate,
    deactivate_and_activate,
    change_role,
    lose_the_factor,
    delete_account,
]


@pytest.mark.parametrize("change", CHANGES)
def test_change_of_the_account_voids_a_challenge(new_person, change):
    person = new_person()
    challenge = person.challenge()
    change(person)
    refused(person.finish(challenge, person.code()), "challenge_invalid")


def forged(challenge):
    payload, moment, signature = challenge.rsplit(".", 2)
    claims = URLSafeTimedSerializer("x", salt="second-factor").loads_unsafe(challenge)[1]
    header = b64(b'{"alg":"none","typ":"at+jwt"}')
    for changed in (["01980a5c-3f00-7a10-8c4e-5d1f0a2b3c08", *claims[1:]], [*claims[:2], ["pwd", "otp"]], {}, [], 1):
        yield f"{b64(json.dumps(changed).encode())}.{moment}.{signature}"
    yield f"{payload}.{b64(b'zzzz')}.{signature}"
    yield f"{payload}.{moment}."
    yield f"{payload}.{moment}.{signature[:-2]}"
    yield f"{payload}.{moment}.{signature[::-1]}"
    yield f"{payload}.{moment}"
    yield f".{payload}.{moment}.{signature}"
    yield f"{payload.removeprefix('.')}.{moment}.{signature}"
    yield f"{header}.{payload}."
    yield f"{header}.{b64(json.dumps({'sub': claims[0], 'amr': ['pwd']}).encode())}.{signature}"
    yield f"{payload}.{moment}.{signature}é"
    yield challenge.upper()
    yield "null"
    for key in ("", "secret", "taskapi"):
        yield str(URLSafeTimedSerializer(key, salt="second-factor").dumps(claims))


def test_forged_challenge_is_refused(new_person):
    person = new_person()
    for number, challenge in enumerate(forged(person.challenge())):
        response = person.finish(challenge, person.code())
        assert (number, response.status_code, response.json.get("code")) == (number, 401, "challenge_invalid"), (
            challenge
        )
    assert person.finish(person.challenge(), person.code()).status_code == 200  # no code was spent


def test_challenge_of_an_earlier_release_is_refused(new_person):
    """A challenge of 5 minutes may outlive the release that signed it."""
    person = new_person()
    person.challenge()
    with person.app.test_request_context():
        challenge = str(challenges._serializer().dumps([str(person.id), "state", ["pwd"]]))
    refused(person.finish(challenge, person.code()), "challenge_invalid")


# Codes


def test_code_serves_once(new_person):
    person = new_person()
    challenge, code = person.challenge(), person.code()
    assert person.finish(challenge, code).status_code == 200
    refused(person.finish(challenge, code), "invalid_code")
    refused(person.finish(person.challenge(), code), "invalid_code")


def test_code_of_the_setup_does_not_sign_in(new_person):
    person = new_person(enabled=False)
    person.start()
    code = person.code()
    assert person.client.post(f"{FACTOR}/confirm", json={"code": code}).status_code == 200
    refused(person.finish(person.challenge(), code), "invalid_code")


def test_earlier_code_does_not_serve_after_a_later_one(new_person):
    person = new_person()
    assert person.finish(person.challenge(), person.code(1)).status_code == 200
    refused(person.finish(person.challenge(), person.code(0)), "invalid_code")


@pytest.mark.parametrize("kind", ["code", "recovery code"])
def test_of_parallel_uses_one_succeeds_also_on_two_workers(new_person, make_app, kind):
    person = new_person()
    other = make_app(SECOND_FACTOR_KEYS=KEY, INSTANCE_PATH=person.app.instance_path)
    challenge = person.challenge()
    body = {"challenge": challenge, "code": person.code() if kind == "code" else person.recovery_codes[0]}
    clients = [app.test_client() for app in (person.app, other) for _ in range(4)]
    for client in clients:  # connections first
        client.get("/readyz")
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = [*pool.map(lambda client: client.post(SECOND, json=body), clients)]
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [401] * 7, [answer.text for answer in answers]


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "١٢٣٤٥٦", "abcdef", "null", "-12345", "1e5", "0x1234", "👍" * 6, "a" * 40]
)
def test_code_of_another_form_is_refused(new_person, code):
    person = new_person()
    response = person.finish(person.challenge(), code)
    assert response.status_code == (422 if code == "" else 401), response.text


@pytest.mark.parametrize("code", [None, 123456, ["123456"], {"eq": 1}, True, "1" * 41, "1\n2", "\ud800"])
def test_code_of_another_type_is_invalid(new_person, code):
    person = new_person()
    body = json.dumps({"challenge": person.challenge(), "code": code})
    response = person.app.test_client().post(SECOND, data=body, content_type="application/json")
    assert response.status_code == 422


def test_guesses_of_a_year_are_hopeless():
    guesses, window = CODES.rate_of(None).split("/")
    valid = 3 / 1_000_000  # the codes of three time steps
    assert window == "day"
    assert 1 - (1 - valid) ** (365 * int(guesses)) < 0.011
    assert CODES.always_on


def test_guesses_are_limited_by_user_and_the_user_is_not_locked_out_for_ever(new_person):
    person = new_person()
    limit = int(CODES.rate_of(None).split("/")[0])
    for _ in range(limit):
        refused(person.finish(person.challenge(), wrong(person.code())), "invalid_code")
    challenge = person.challenge()
    response = person.finish(challenge, person.code())
    refused(response, "too_many_requests", 429)
    assert 0 < int(response.headers["Retry-After"]) <= 86400
    assert person.finish(challenge, person.recovery_codes[0]).status_code == 200  # another limit
    with later(days=1):
        assert person.finish(person.challenge(), person.code()).status_code == 200


@pytest.mark.usefixtures("stopped_clock")
def test_guesses_of_the_setup_are_limited(new_person):
    """A thief of a fresh token must not finish what its owner has begun, and get the recovery codes."""
    person = new_person(enabled=False)
    person.start()
    body = {"code": wrong(person.code())}
    responses = [person.client.post(f"{FACTOR}/confirm", json=body) for _ in range(61)]
    assert [response.status_code for response in responses] == [401] * 60 + [429]
    refused(person.client.post(f"{FACTOR}/confirm", json={"code": person.code()}), "too_many_requests", 429)


@pytest.mark.usefixtures("stopped_clock")
def test_guesses_on_the_routes_of_the_account_count_too(new_person):
    person = fresh(new_person())
    body = {"password": PASSWORD, "code": wrong(person.code())}
    limit = int(CODES.rate_of(None).split("/")[0])
    statuses = [person.client.post(f"{FACTOR}/disable", json=body).status_code for _ in range(limit + 1)]
    assert statuses == [401] * limit + [429]
    refused(person.finish(person.challenge(), person.code()), "too_many_requests", 429)


def test_right_codes_use_up_no_guesses(new_person):
    person = new_person()
    for step in range(12):
        with later(seconds=30 * step):
            assert person.finish(person.challenge(), person.code()).status_code == 200


def test_stranger_without_the_password_cannot_use_up_the_guesses(new_person):
    person = new_person()
    for _ in range(20):
        person.login("wrong")
        person.finish("no challenge", "123456")
    assert person.finish(person.challenge(), person.code()).status_code == 200


@pytest.mark.usefixtures("stopped_clock")
def test_second_step_is_limited_by_address(new_person, make_app):
    app = make_app(SECOND_FACTOR_KEYS=KEY, RATELIMIT_ENABLED=True)
    statuses = {
        app.test_client().post(SECOND, json={"challenge": "x", "code": "123456"}).status_code for _ in range(61)
    }
    assert statuses == {401, 429}


def test_wrong_code_is_a_failed_sign_in_of_the_audit_log(new_person, factor_app):
    person = new_person()
    person.finish(person.challenge(), wrong(person.code()))
    person.finish(person.challenge(), "aaaa-aaaa-aaaa-aaaa")
    with factor_app.app_context():
        chosen = sa.select(AuditEntry).where(AuditEntry.subject_id == person.id, AuditEntry.event == "sign_in_failed")
        entries = db.session.scalars(chosen).all()
        assert [entry.details for entry in entries] == [{"second_factor": "sign_in"}] * 2
        assert {entry.actor_id for entry in entries} == {None}


def test_refusals_have_one_shape(new_person):
    person = new_person()
    used = person.code()
    person.finish(person.challenge(), used)
    bodies = [
        person.finish(person.challenge(), code).json
        for code in (used, wrong(person.code()), person.code(9), "aaaa-aaaa-aaaa-aaaa", "nonsense")
    ]
    assert {tuple(sorted((k, v) for k, v in body.items() if k != "request_id")) for body in bodies} == {
        tuple(sorted((k, v) for k, v in bodies[0].items() if k != "request_id"))
    }


# Ways around


def test_stolen_token_that_is_not_fresh_cannot_change_the_factor(new_person):
    person, other = new_person(), new_person(enabled=False)
    tokens = person.sign_in(person.code())
    for user in (person, other):
        grant = tokens if user is person else user.sign_in()
        user.use(user.client.post("/api/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]}).json)
    both = {"password": PASSWORD, "code": person.code(1)}
    refused(other.client.post(FACTOR, json={"password": PASSWORD}), "fresh_token_required")
    refused(other.client.post(f"{FACTOR}/confirm", json={"code": "123456"}), "fresh_token_required")
    refused(person.client.post(f"{FACTOR}/disable", json=both), "fresh_token_required")
    refused(person.client.post(f"{FACTOR}/recovery-codes", json=both), "fresh_token_required")


def test_setup_needs_the_password(new_person):
    person = new_person(enabled=False)
    refused(person.client.post(FACTOR, json={"password": "wrong"}), "invalid_credentials")
    assert person.client.post(FACTOR, json={}).status_code == 422
    assert person.client.get(FACTOR).json["enabled"] is False


@pytest.mark.parametrize("route", ["disable", "recovery-codes"])
def test_change_needs_password_and_code(new_person, route):
    person = fresh(new_person())

    def send(**body):
        return person.client.post(f"{FACTOR}/{route}", json=body)

    assert send(password=PASSWORD).status_code == 422
    assert send(code=person.code()).status_code == 422
    refused(send(password="wrong", code=person.code()), "invalid_credentials")
    refused(send(password=PASSWORD, code=wrong(person.code())), "invalid_code")
    refused(send(password=PASSWORD, code="aaaa-aaaa-aaaa-aaaa"), "invalid_code")
    assert person.client.get(FACTOR).json["enabled"] is True
    assert send(password=PASSWORD, code=person.code()).status_code == 200  # the refused requests spent no code


def test_amr_comes_from_no_body(new_person):
    person = new_person(enabled=False)
    for path, body in (
        ("/api/v1/auth/login", {"username": person.username, "password": PASSWORD, "amr": ["pwd", "otp"]}),
        ("/api/v1/auth/verify-password", {"password": PASSWORD, "amr": ["otp"]}),
        (f"{FACTOR}", {"password": PASSWORD, "amr": ["otp"]}),
        (SECOND, {"challenge": "x", "code": "123456", "amr": ["otp"]}),
    ):
        assert person.client.post(path, json=body).status_code == 422
    assert amr_of(person.sign_in()) == ["pwd"]


def test_forged_amr_is_refused(new_person):
    person = new_person(enabled=False)
    header, claims, signature = person.sign_in()["access_token"].split(".")
    changed = decode_token(f"{header}.{claims}.x")[1] | {"amr": ["pwd", "otp"]}
    refused(as_bearer(person, f"{header}.{b64(json.dumps(changed).encode())}.{signature}"), "token_invalid")


def test_refresh_keeps_how_the_user_signed_in(new_person):
    person = new_person()
    grant = person.sign_in(person.code())
    for _ in range(3):
        grant = person.client.post("/api/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]}).json
        assert amr_of(grant) == ["pwd", "otp"]


@needs("personal_tokens")
def test_personal_token_goes_on_and_cannot_change_the_factor(new_person):
    person = new_person(enabled=False)
    body = {"name": "Script", "permissions": ["account:read", "task:read"]}
    response = person.client.post("/api/v1/me/tokens", json=body)
    person.enable()
    script = person.app.test_client()
    script.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['token']}"
    assert script.get("/api/v1/me").status_code == 200
    both = {"password": PASSWORD, "code": person.code()}
    for path, sent in (
        ("", {"password": PASSWORD}),
        ("/confirm", {"code": person.code()}),
        ("/disable", both),
        ("/recovery-codes", both),
    ):
        refused(script.post(f"{FACTOR}{path}", json=sent), "permission_denied", 403)
    assert person.client.get(FACTOR).json["enabled"] is True


@needs("account_mail")
def test_new_password_by_mail_neither_signs_in_nor_removes_the_factor(new_person, make_app):
    links = import_module("taskapi.extensions.account_mail.links")
    person = new_person()
    challenge = person.challenge()
    app = make_app(SECOND_FACTOR_KEYS=KEY, MAIL_URL="smtp://127.0.0.1:9", MAIL_FROM="tasks@example.org")
    with app.app_context():
        link = links.create_link(links.lock_user(person.id), links.Purpose.RESET, "ada@example.org", uuid4())
        db.session.commit()
    body = {"token": link.rpartition("/")[2], "new_password": NEW}
    response = app.test_client().post("/api/v1/auth/password-reset/confirm", json=body)
    assert (response.status_code, response.data) == (204, b"")
    assert "Set-Cookie" not in response.headers
    refused(person.finish(challenge, person.code()), "challenge_invalid")
    refused(person.login(NEW), "second_factor_required")
    assert person.finish(person.challenge(NEW), person.code()).status_code == 200


def test_session_that_starts_during_the_setup_ends_with_it(new_person):
    """A sign-in holds the lock of the account from the look-up of the factor to its session."""
    person = new_person(enabled=False)
    grants = [person.login().json for _ in range(3)]
    person.enable()
    for grant in grants:
        refused(as_bearer(person, grant["access_token"]), "token_revoked")


def test_disabling_twice_in_parallel_works_once(new_person):
    person = fresh(new_person())
    body = {"password": PASSWORD, "code": person.code()}
    with ThreadPoolExecutor(2) as pool:
        answers = [*pool.map(lambda _: person.client.post(f"{FACTOR}/disable", json=body), range(2))]
    first, second = sorted(answer.status_code for answer in answers)
    assert first == 200
    assert second in {401, 409}


def test_no_error_or_log_shows_a_secret(new_person, caplog):
    person = new_person()
    challenge, code = person.challenge(), person.code()
    person.finish(challenge, wrong(code))
    with mock.patch("taskapi.extensions.second_factor.service.accounts.complete_sign_in", side_effect=RuntimeError):
        response = person.finish(challenge, code)
    assert response.status_code == 500
    assert person.secret not in response.text + caplog.text
    assert person.finish(challenge, code).status_code == 200  # the transaction was rolled back


def test_factor_of_one_user_is_never_that_of_another(new_person, factor_app):
    ada, eve = new_person(), new_person()
    assert ada.secret != eve.secret
    body = {"password": PASSWORD, "code": eve.code()}
    refused(fresh(ada).client.post(f"{FACTOR}/disable", json=body), "invalid_code")
    with factor_app.app_context():
        assert db.session.get(SecondFactor, eve.id).confirmed_at
