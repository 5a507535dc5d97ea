"""Privilege escalation: refused without effect, and recorded."""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine
from conftest import PASSWORD
from surface import needs

from taskapi.audit.models import AuditEntry
from taskapi.database import db
from taskapi.users.models import User
from tests.forging import decode_token, signing_input

ME = "/api/v1/me"
USERS = "/api/v1/admin/users"
REGISTER = "/api/v1/auth/register"


@pytest.fixture(autouse=True)
def _nothing_noted_yet(app):
    app.extensions["taskapi-refusals"].clear()


@pytest.fixture
def user(signed_in):
    """A user without administrative permissions."""
    client = signed_in()
    client.id = client.get(ME).json["id"]
    return client


@pytest.fixture
def refusals(app):
    """Return the refusals recorded since the test began: code, method and path."""
    with app.app_context():
        seen = {entry_id for (entry_id,) in db.session.execute(sa.select(AuditEntry.id))}

    def read(actor_id=None):
        actor = UUID(actor_id) if actor_id else None
        query = sa.select(AuditEntry).where(AuditEntry.event == "access_refused", AuditEntry.actor_id == actor)
        with app.app_context():
            new = [entry for entry in db.session.scalars(query.order_by(AuditEntry.id)) if entry.id not in seen]
        return [tuple(entry.details[name] for name in ("code", "method", "path")) for entry in new]

    return read


def roles_of(app, username):
    with app.app_context():
        return db.session.execute(sa.select(User.roles).where(User.username == username)).scalar()


@pytest.mark.parametrize("claim", [{"active": True}, {"epoch": 9}])
def test_registration_cannot_set_privileged_fields(app, client, refusals, claim):
    username = f"eve-{secrets.token_hex(4)}"
    response = client.post(REGISTER, json={"username": username, "password": PASSWORD, **claim})
    assert (response.status_code, list(response.json["errors"]["json"])) == (422, [*claim])
    assert roles_of(app, username) is None
    assert refusals() == [("validation_failed", "POST", REGISTER)]


@needs("admin")
@pytest.mark.parametrize("roles", [["admin"], ["viewer", "admin"], "admin", None, [], {"admin": True}])
def test_roles_of_a_registration_are_ignored(app, client, roles):
    """An account that was read can be registered again, and gets the role of every new account."""
    username = f"eve-{secrets.token_hex(4)}"
    response = client.post(REGISTER, json={"username": username, "password": PASSWORD, "roles": roles})
    assert (response.status_code, response.json["roles"]) == (201, ["editor"])
    assert roles_of(app, username) == ["editor"]
    token = client.post("/api/v1/auth/login", json={"username": username, "password": PASSWORD}).json["access_token"]
    assert client.get(USERS, headers={"Authorization": f"Bearer {token}"}).json["code"] == "permission_denied"


def test_user_cannot_change_their_own_roles(app, user, refusals):
    """Roles are read-only here: they are ignored, so that an account that was read can be sent back."""
    response = user.patch(ME, json={"roles": ["admin"], "name": "Eve"})
    assert (response.status_code, response.json["roles"], response.json["name"]) == (200, ["editor"], "Eve")
    assert roles_of(app, user.username) == ["editor"]
    assert refusals(user.id) == []


@needs("admin")
def test_user_cannot_add_a_role_to_their_token(user, client, refusals):
    header, claims = decode_token(user.token)
    signature = user.token.rpartition(".")[2]
    forged = f"{signing_input(header, {**claims, 'roles': ['admin']})}.{signature}"
    response = client.get(USERS, headers={"Authorization": f"Bearer {forged}"})
    assert (response.status_code, response.json["code"]) == (401, "token_invalid")
    assert refusals() == [("token_invalid", "GET", USERS)]


@needs("admin")
@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("GET /users", None),
        ("POST /users", {"username": "mallory", "password": PASSWORD, "roles": ["admin"]}),
        ("PATCH /users/{id}", {"roles": ["admin"]}),
        ("DELETE /users/{other}", None),
        ("POST /users/{other}/sign-out", None),
        ("GET /audit", None),
        ("GET /stats", None),
    ],
)
def test_administration_requires_the_admin_role(user, owner, refusals, route, body):
    method, path = route.format(id=user.id, other=owner.get(ME).json["id"]).split()
    response = user.open(f"/api/v1/admin{path}", method=method, json=body)
    assert (response.status_code, response.json["code"]) == (403, "permission_denied")
    assert user.get(ME).json["roles"] == ["editor"]
    assert owner.get(ME).status_code == 200
    assert refusals(user.id) == [("permission_denied", method, f"/api/v1/admin{path}")]


def test_viewer_can_write_nothing(signed_in, refusals):
    viewer = signed_in("viewer")
    assert viewer.post("/api/v1/tasks", json={"title": "Mine"}).json["code"] == "permission_denied"
    assert viewer.get("/api/v1/tasks").json["items"] == []
    assert refusals(viewer.get(ME).json["id"]) == [("permission_denied", "POST", "/api/v1/tasks")]


@pytest.mark.parametrize("role", ["editor", "admin"])
def test_no_role_can_access_tasks_of_others_by_id(signed_in, owner, task, role):
    other, path = signed_in(role), f"/api/v1/tasks/{task['id']}"
    for method, body in (("get", None), ("patch", {"title": "Mine"}), ("delete", None)):
        response = getattr(other, method)(path, json=body)
        assert (response.status_code, response.json["code"]) == (404, "not_found")
    assert owner.get(path).json == task


@needs("admin")
def test_refusal_is_shown_in_the_activity_of_the_user(user):
    user.get(USERS)
    entry = user.get(f"{ME}/activity").json["items"][0]
    assert (entry["event"], entry["ip"]) == ("access_refused", "127.0.0.1")


@needs("admin")
def test_refusal_is_recorded_once_a_minute_per_user_and_route(user, refusals):
    for _ in range(5):
        user.get(USERS)
        user.get("/api/v1/admin/stats")
    assert len(refusals(user.id)) == 2
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1)):
        user.get(USERS)
    assert len(refusals(user.id)) == 3


@pytest.mark.parametrize("act", [lambda p: p.get("/api/v1/nothing"), lambda p: p.patch(ME, json={"nmae": "x"})])
def test_ordinary_mistakes_are_not_recorded_as_refusals(user, refusals, act):
    assert act(user).status_code in {404, 422}
    assert refusals(user.id) == []
