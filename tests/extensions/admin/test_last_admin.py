"""The last administrator cannot be demoted, deactivated or deleted, not even by two requests at the same time."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from conftest import PASSWORD
from flask_migrate import upgrade

from taskapi.database import db
from taskapi.security.rbac import Role
from taskapi.users.models import User, create_user

USERS = "/api/v1/admin/users"


@pytest.fixture(scope="module")
def app(make_app, new_database):
    """The application on its own database."""
    app = make_app(DATABASE_URL=new_database())
    with app.app_context():
        upgrade(revision="heads")
    return app


@pytest.fixture(autouse=True)
def _nobody(app):
    with app.app_context():
        db.session.execute(sa.delete(User))
        db.session.commit()


@pytest.fixture
def begin(app):
    """Create a user, and sign in."""

    def begin(username, role="admin", **fields):
        with app.app_context():
            user = create_user(username, PASSWORD, roles=[role], **fields)
            db.session.commit()
        client = app.test_client()
        client.id = user.id
        response = client.post("/api/v1/auth/login", json={"username": username, "password": PASSWORD})
        if response.status_code == 200:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['access_token']}"
        return client

    return begin


@pytest.mark.parametrize(
    "act",
    [
        lambda admin: admin.patch(f"{USERS}/{admin.id}", json={"roles": ["editor"]}),
        lambda admin: admin.patch(f"{USERS}/{admin.id}", json={"active": False}),
        lambda admin: admin.patch(f"{USERS}/{admin.id}", json={"roles": ["viewer"], "active": False, "name": "x"}),
        lambda admin: admin.delete(f"{USERS}/{admin.id}"),
        lambda admin: admin.delete("/api/v1/me"),
    ],
    ids=["demote", "shut out", "both", "delete", "leave"],
)
def test_last_active_admin_cannot_be_removed(begin, act):
    admin = begin("ada")
    begin("bob", active=False)
    begin("eve", "editor")
    response = act(admin)
    assert (response.status_code, response.json["code"]) == (409, "last_admin")
    shown = admin.get(f"{USERS}/{admin.id}").json
    assert (shown["roles"], shown["active"], shown["name"]) == (["admin"], True, None)


def test_one_of_two_administrators_may_go(begin):
    ada, bob = begin("ada"), begin("bob")
    assert ada.delete("/api/v1/me").status_code == 204
    assert bob.delete("/api/v1/me").json["code"] == "last_admin"


@pytest.mark.parametrize(
    "act",
    [
        lambda admin, other: admin.patch(f"{USERS}/{other.id}", json={"roles": ["viewer"]}),
        lambda admin, other: admin.patch(f"{USERS}/{other.id}", json={"active": False}),
        lambda admin, other: admin.delete(f"{USERS}/{other.id}"),
        lambda admin, _: admin.delete("/api/v1/me"),
    ],
    ids=["demote", "shut out", "delete", "leave"],
)
def test_one_admin_remains_after_concurrent_removals(app, begin, act):
    admins = [begin(name) for name in ("ada", "bob", "cyd", "dan")]
    with ThreadPoolExecutor(len(admins)) as pool:
        responses = list(pool.map(act, admins, [*admins[1:], admins[0]]))
    assert {response.status_code for response in responses} <= {200, 204, 401, 409}
    with app.app_context():
        left = [user for user in db.session.scalars(sa.select(User)) if user.active and "admin" in user.roles]
    assert len(left) >= 1


def test_stats_count_users_sessions_and_tasks(begin):
    admin = begin("ada")
    begin("bob", "viewer")
    begin("eve", "viewer", active=False)
    admin.post("/api/v1/tasks", json={"title": "Mine"})
    figures = admin.get("/api/v1/admin/stats").json
    assert (figures["users"], figures["active_users"]) == (3, 2)
    assert figures["users_by_role"] == {role.value: 0 for role in Role} | {"viewer": 2, "admin": 1}
    assert (figures["sessions"], figures["tasks"]) == (2, 1)
