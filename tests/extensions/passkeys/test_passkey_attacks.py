"""Passkeys under attack: replayed and foreign responses, parallel requests, counters, limits."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine

from taskapi.audit.models import AuditEntry
from taskapi.database import db
from taskapi.extensions.passkeys.models import UsedChallenge
from taskapi.security.jws import base64url_decode, base64url_encode
from tests.conftest import PASSWORD
from tests.extensions.passkeys.authenticator import (
    PASSKEYS,
    SETTINGS,
    SIGN_IN,
    Authenticator,
    ada,
    invalid,
    new_person,
    passkey_app,
    refused,
    sign_in_options,
)

__all__ = ["ada", "new_person", "passkey_app"]  # fixtures
pytestmark = pytest.mark.slow


def test_signature_of_another_key_is_refused(ada):
    thief = Authenticator()
    thief.id, thief.user_handle = ada.authenticator.id, ada.authenticator.user_handle
    ada.authenticator = thief
    refused(ada.sign_in())
    assert ada.activity()[0]["event"] == "sign_in_failed"


def test_credential_of_another_user_signs_in_nobody_else(ada, new_person):
    eve = new_person()
    eve.added()
    refused(eve.sign_in(user_handle=ada.authenticator.user_handle))
    refused(eve.sign_in(credential_id=ada.authenticator.id))
    refused(eve.sign_in(credential_id=ada.authenticator.id, user_handle=ada.authenticator.user_handle))


@pytest.mark.parametrize("credential_id", [b"x", b"x" * 32, b"x" * 1023], ids=len)
def test_unknown_credential_gets_the_response_of_a_wrong_signature(ada, credential_id):
    unknown = ada.sign_in(credential_id=credential_id)
    wrong = ada.sign_in(signature=b"\0" * 70)
    for response in (unknown, wrong):
        refused(response)
    assert {**unknown.json, "request_id": ""} == {**wrong.json, "request_id": ""}


def test_replayed_response_is_refused(ada, passkey_app):
    credential = ada.authenticator.get(sign_in_options(passkey_app), count=0)
    client = passkey_app.test_client()
    refused(client.post(SIGN_IN, json={"credential": credential}))  # the counter was 1
    credential = ada.authenticator.get(sign_in_options(passkey_app))
    assert client.post(SIGN_IN, json={"credential": credential}).status_code == 200
    refused(client.post(SIGN_IN, json={"credential": credential}))


def test_challenge_serves_once_for_an_authenticator_without_a_counter(new_person):
    person = new_person()
    person.authenticator.count = 0
    assert person.add(count=0).status_code == 201
    options = sign_in_options(person.app)
    assert person.sign_in(options, count=0).status_code == 200
    refused(person.sign_in(options, count=0))
    assert person.sign_in(count=0).status_code == 200


def test_challenge_serves_once_for_all_users(ada, new_person):
    other = new_person()
    other.added()
    options = sign_in_options(ada.app)
    assert ada.sign_in(options).status_code == 200
    refused(other.sign_in(options))


def test_challenge_of_a_failed_sign_in_still_serves(ada):
    options = sign_in_options(ada.app)
    refused(ada.sign_in(options, signature=b"\0" * 70))
    assert ada.sign_in(options).status_code == 200


@pytest.mark.parametrize("minutes", [5.1, 60])
def test_challenge_expires(ada, new_person, minutes):
    other = new_person()
    asked, offered = sign_in_options(ada.app), other.options()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes), tick=True):
        refused(ada.sign_in(asked))
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=min(minutes, 10)), tick=True):
        invalid(other.add(offered))


def test_challenges_of_sign_in_and_registration_are_not_exchangeable(ada, new_person):
    other = new_person()
    refused(ada.sign_in({**sign_in_options(ada.app), "challenge": ada.options()["challenge"]}))
    invalid(other.add({**other.options(), "challenge": sign_in_options(other.app)["challenge"]}))


def test_challenge_of_another_user_or_session_adds_nothing(ada, new_person):
    eve = new_person()
    invalid(eve.add({**eve.options(), "challenge": ada.options()["challenge"]}))
    options = eve.options()
    credentials = {"username": eve.username, "password": PASSWORD}
    eve.use(eve.app.test_client().post("/api/v1/auth/login", json=credentials))
    invalid(eve.add(options))


def test_spelling_of_a_used_challenge_does_not_matter(ada):
    """The last character of a signature in base64 has two bits that mean nothing."""
    options = sign_in_options(ada.app)
    assert ada.sign_in(options).status_code == 200
    text = base64url_decode(options["challenge"]).decode()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    place = alphabet.index(text[-1])
    for other in range(place & ~3, (place & ~3) + 4):
        respelled = text[:-1] + alphabet[other]
        refused(ada.sign_in({**options, "challenge": base64url_encode(respelled.encode())}))


def test_counter_that_goes_back_is_refused_and_recorded(ada, passkey_app):
    assert ada.sign_in(count=50).status_code == 200
    for count in (50, 49, 0):
        refused(ada.sign_in(count=count))
    assert ada.activity()[0]["event"] == "sign_in_failed"
    with passkey_app.app_context():
        mine = AuditEntry.event == "sign_in_failed", AuditEntry.subject_id == UUID(bytes=ada.authenticator.user_handle)
        found = db.session.scalars(sa.select(AuditEntry.details).where(*mine).order_by(AuditEntry.id)).all()
    assert found == [{"by": "passkey", "counter": count, "previous_counter": 50} for count in (50, 49, 0)]
    assert ada.sign_in(count=2**32 - 1).status_code == 200


def test_parallel_sign_ins_with_one_response_start_one_session(ada, passkey_app):
    credential = ada.authenticator.get(sign_in_options(passkey_app))
    with ThreadPoolExecutor(8) as pool:
        answers = [
            *pool.map(lambda _: passkey_app.test_client().post(SIGN_IN, json={"credential": credential}), range(8))
        ]
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 7]


def test_parallel_registrations_of_one_credential_add_one_passkey(new_person):
    person = new_person()
    body = {"name": "Phone", "credential": person.authenticator.create(person.options())}
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda _: person.client.post(PASSKEYS, json=body), range(8))]
    assert [answer.status_code for answer in answers].count(201) == 1
    assert len(person.client.get(PASSKEYS).json["items"]) == 1


def test_parallel_registrations_keep_the_quota(make_app, new_person):
    person = new_person(app=make_app(**SETTINGS, MAX_PASSKEYS=2))
    bodies = [{"name": "Key", "credential": Authenticator().create(person.options())} for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = [*pool.map(lambda body: person.client.post(PASSKEYS, json=body), bodies)]
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409, 409]


def test_credential_is_registered_once(ada, new_person):
    refused(ada.add(), "passkey_exists", 409)
    eve = new_person()
    eve.authenticator.id = ada.authenticator.id
    refused(eve.add(), "passkey_exists", 409)
    assert ada.sign_in().status_code == 200


def test_replayed_registration_is_refused_after_the_removal(new_person):
    person = new_person()
    body = {"name": "Phone", "credential": person.authenticator.create(person.options())}
    passkey = person.client.post(PASSKEYS, json=body).json["id"]
    person.client.delete(f"{PASSKEYS}/{passkey}")
    invalid(person.client.post(PASSKEYS, json=body))


def test_credential_id_has_at_most_1023_bytes(new_person):
    person = new_person()
    invalid(person.add(credential_id=secrets.token_bytes(1024)))
    person.authenticator.id = secrets.token_bytes(1023)
    person.added()
    assert person.sign_in().status_code == 200


@pytest.mark.parametrize("by", ["refresh", "cookies"])
def test_changes_need_a_fresh_token(ada, by):
    client = ada.app.test_client()
    credentials = {"username": ada.username, "password": PASSWORD}
    grant = client.post("/api/v1/auth/login", json={**credentials, "cookies": by == "cookies"}).json
    if by == "refresh":
        grant = client.post("/api/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]}).json
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {grant['access_token']}"
    else:
        client.environ_base["HTTP_X_CSRF_TOKEN"] = grant["csrf_refresh_token"]
        grant = client.post("/api/v1/auth/refresh").json
        client.environ_base["HTTP_X_CSRF_TOKEN"] = grant["csrf_access_token"]
    [passkey] = client.get(PASSKEYS).json["items"]
    body = {"name": "x", "credential": Authenticator().create(ada.options())}
    for response in (
        client.post(f"{PASSKEYS}/options"),
        client.post(PASSKEYS, json=body),
        client.delete(f"{PASSKEYS}/{passkey['id']}"),
    ):
        refused(response, "fresh_token_required")


def test_passkey_of_another_user_is_neither_listed_nor_removed(ada, new_person):
    eve = new_person()
    [passkey] = ada.client.get(PASSKEYS).json["items"]
    refused(eve.client.delete(f"{PASSKEYS}/{passkey['id']}"), "not_found", 404)
    assert eve.client.get(PASSKEYS).json == {"items": []}
    assert ada.sign_in().status_code == 200


@pytest.mark.usefixtures("stopped_clock")
def test_unauthenticated_routes_are_limited_by_address(make_app, new_person):
    app = make_app(**SETTINGS, RATELIMIT_ENABLED=True)
    person = new_person(app=app)
    person.added()
    options = sign_in_options(app)
    codes = [app.test_client().post(f"{SIGN_IN}/options").status_code for _ in range(125)]
    assert codes.count(200) in range(115, 121)
    codes = [person.sign_in(options, signature=b"\0" * 70).status_code for _ in range(65)]
    assert set(codes) == {401, 429}
    assert codes[-1] == 429


@pytest.mark.usefixtures("stopped_clock")
def test_registrations_of_a_user_are_limited(new_person):
    person = new_person()
    body = {"name": "x", "credential": person.authenticator.create(person.options(), flags=0)}
    codes = {person.client.post(PASSKEYS, json=body).status_code for _ in range(61)}
    assert codes == {422, 429}


def test_used_challenges_are_deleted_once_they_have_expired(ada, passkey_app):
    ada.sign_in()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11), tick=True):
        assert ada.sign_in().status_code == 200
        with passkey_app.app_context():
            assert len(db.session.scalars(sa.select(UsedChallenge.nonce)).all()) == 1
