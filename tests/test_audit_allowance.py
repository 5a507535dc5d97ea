"""Allowances of the audit log: how many entries anonymous clients and users can cause."""

import secrets
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from conftest import PASSWORD
from surface import needs

from taskapi.audit.models import AuditEntry
from taskapi.database import db

LOGIN = "/api/v1/auth/login"
USERS = "/api/v1/admin/users"
ALLOWANCES = {
    "RATELIMIT_ENABLED": True,
    "RATELIMIT_LOGIN_FAILED": "1000/minute",
    "RATELIMIT_AUDIT_ADDRESS": "5/hour",
    "RATELIMIT_AUDIT_STRANGERS": "20/day",
    "RATELIMIT_AUDIT_USER": "10/day",
    "TRUSTED_PROXIES": 1,
}


@pytest.fixture
def app(make_app):
    """An application with small allowances, all unused."""
    return make_app(**ALLOWANCES)


@pytest.fixture
def recorded(app):
    """Count the entries since the test began; other tests leave entries of the future."""
    started = datetime.now(UTC)

    def number(**columns):
        query = (
            sa.select(sa.func.count()).select_from(AuditEntry).where(AuditEntry.at.between(started, datetime.now(UTC)))
        )
        with app.app_context():
            return db.session.execute(query.filter_by(**columns)).scalar_one()

    return number


def fail(client, address):
    body = {"username": f"nobody-{secrets.token_hex(6)}", "password": "wrong"}
    return client.post(LOGIN, json=body, headers={"X-Forwarded-For": address})


def address(number):
    return f"2001:{0x1000 + number:x}:{secrets.randbelow(65536):x}::1"


def test_anonymous_clients_have_an_allowance_by_address_and_in_all(client, recorded):
    same = address(0)
    for _ in range(8):
        assert fail(client, same).status_code == 401
    assert recorded(event="sign_in_failed", subject_id=None) == 5
    for number in range(30):
        fail(client, address(number + 1))
    assert recorded(event="sign_in_failed", subject_id=None) == 20  # one address did not use up the shared one


def test_addresses_of_one_network_share_an_allowance(client, recorded):
    for number in range(8):
        fail(client, f"2001:db8:77:1::{number:x}")
    assert recorded(event="sign_in_failed", subject_id=None) == 5


@needs("admin")
def test_anonymous_flood_does_not_suppress_entries_of_users(app, client, recorded, signed_in, new_user):
    for number in range(40):
        fail(client, address(number))
    user, admin = signed_in(), signed_in("admin")
    user.get(USERS)
    assert recorded(event="access_refused") == 1
    subject = user.get("/api/v1/me").json["id"]
    assert admin.patch(f"{USERS}/{subject}", json={"roles": ["viewer"]}).status_code == 200
    assert recorded(event="roles_changed") == 1
    registered = {"username": f"p-{secrets.token_hex(6)}", "password": PASSWORD}
    before = recorded(event="created")
    assert client.post("/api/v1/auth/register", json=registered).status_code == 201
    assert recorded(event="created") == before + 1


def test_user_allowance_does_not_limit_important_events(client, recorded, signed_in):
    user = signed_in()
    assert client.post(LOGIN, json={"username": user.username, "password": PASSWORD}).status_code == 200
    person_id = user.get("/api/v1/me").json["id"]
    for number in range(20):
        assert user.patch("/api/v1/me", json={"name": f"Name {number}"}).status_code == 200
    assert recorded(event="profile_changed") == 9  # the tenth of the allowance was the sign-in
    change = {"current_password": PASSWORD, "new_password": "another long and odd sentence"}
    assert user.put("/api/v1/me/password", json=change).status_code in {200, 204}
    assert recorded(event="password_changed") == 1
    assert recorded(event="profile_changed", actor_id=sa.Uuid().python_type(person_id)) == 9
    assert b'taskapi_audit_omitted_total{by="user"}' in client.get("/metrics").data


@needs("admin")
def test_acts_of_administrators_are_always_recorded(recorded, signed_in):
    admin, user = signed_in("admin"), signed_in()
    person_id = user.get("/api/v1/me").json["id"]
    for number in range(15):
        assert admin.patch(f"{USERS}/{person_id}", json={"name": f"Name {number}"}).status_code == 200
    assert recorded(event="profile_changed") == 15


def test_allowances_hold_while_rate_limits_are_off(make_app):
    client = make_app(**{**ALLOWANCES, "RATELIMIT_ENABLED": False}).test_client()
    started, same = datetime.now(UTC), address(99)
    for _ in range(8):
        assert fail(client, same).status_code == 401
    with client.application.app_context():
        query = (
            sa.select(sa.func.count()).select_from(AuditEntry).where(AuditEntry.at.between(started, datetime.now(UTC)))
        )
        assert db.session.execute(query.filter_by(event="sign_in_failed", subject_id=None)).scalar_one() == 5
