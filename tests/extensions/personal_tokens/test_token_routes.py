"""Which route accepts which personal token: every route of the application, so that new routes are covered."""

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from surface import access, collections, fill, routes

from taskapi.api.blueprint import PUBLIC
from taskapi.database import db, now
from taskapi.extensions.personal_tokens.models import PersonalToken
from taskapi.extensions.personal_tokens.schemas import TokenPermissionChoice
from taskapi.security.rbac import Permission
from taskapi.users.service import change_active, change_roles, lock_account
from tests.extensions.personal_tokens.token_client import TOKENS, bearing, create

ME = "/api/v1/me"
ALL = TokenPermissionChoice.values
READING = [name for name in ALL if name.endswith(":read")]
OF_USERS = "/api/v1/admin/users/<uuid:user_id>/tokens"
EXPORT = "/api/v1/me/export"  # contains tasks too
LOGOUT = "/api/v1/auth/logout"  # public, and the only public route that authenticates


def is_closed(app, route):
    """Return whether no personal token may use a route, whatever its permissions."""
    declared = access(app, route)
    of_accounts = declared.permission in {Permission.ACCOUNT_WRITE, Permission.USER_MANAGE}
    return declared.fresh or of_accounts or route.rule.startswith(("/api/v1/auth/", TOKENS, OF_USERS))


def allowed(permissions):
    """Return the expectation for a valid token with these permissions."""

    def expect(app, route):
        required = {access(app, route).permission} | ({"task:read"} if route.rule == EXPORT else set())
        denied = is_closed(app, route) or not required <= {*permissions}
        return (403, "permission_denied") if denied else None

    return expect


def refused(code):
    return lambda _app, _route: (401, code)


def expire(app, token, _user_id):
    with app.app_context():
        old = now() - timedelta(seconds=1)
        db.session.execute(sa.update(PersonalToken).where(PersonalToken.id == UUID(token["id"])).values(expires_at=old))
        db.session.commit()


def delete(app, token, _user_id):
    with app.app_context():
        db.session.execute(sa.delete(PersonalToken).where(PersonalToken.id == UUID(token["id"])))
        db.session.commit()


def deactivate(app, _token, user_id):
    with app.app_context():
        change_active(lock_account(user_id), False)
        db.session.commit()


def demote(app, _token, user_id):
    with app.app_context():
        change_roles(lock_account(user_id), ["viewer"])
        db.session.commit()


def nothing(*_):
    pass


KINDS = {  # the permissions of the token, what happens to it, and the expected refusal of a route that is not public
    "full": (ALL, nothing, allowed(ALL)),
    "read only": (READING, nothing, allowed(READING)),
    "without a permission of its user": (["audit:read", "task:write"], demote, allowed([])),
    "for the account": (["account:read"], nothing, allowed(["account:read"])),
    "expired": (ALL, expire, refused("token_expired")),
    "revoked": (ALL, delete, refused("token_revoked")),
    "of an inactive user": (ALL, deactivate, refused("token_revoked")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_token_can_use_exactly_the_routes_of_its_permissions(app, signed_in, kind, subtests):
    permissions, change, expectation = KINDS[kind]
    admin = signed_in("admin")
    token = create(admin, permissions)
    change(app, token, UUID(admin.get(ME).json["id"]))
    script = bearing(app, token["token"])
    for route in routes(app):
        with subtests.test(route=f"{route.method} {route.rule}"):
            response = script.open(route.path, method=route.method, json={})
            assert response.status_code < 500
            seen = (response.status_code, response.json["code"]) if response.status_code in {401, 403} else None
            if route.rule == LOGOUT:
                assert seen[0] == 401
            elif access(app, route) == PUBLIC:
                assert seen in {None, (401, "invalid_refresh_token")}
            else:
                assert seen == expectation(app, route)


def test_full_token_can_use_most_routes(app):
    """The matrix would pass if every route were closed."""
    closed = [is_closed(app, route) for route in routes(app) if access(app, route) != PUBLIC]
    assert closed.count(True) < closed.count(False)


def test_token_reaches_no_row_of_another_user(app, owner, signed_in, subtests):
    script = bearing(app, create(signed_in("admin"), ALL)["token"])
    for collection in collections(app):
        thing = collection.add(owner)
        for route in routes(app):
            if re.search(f"<uuid:{collection.id_name}>", route.rule):
                with subtests.test(route=f"{route.method} {route.rule}"):
                    theirs, nobodys = (
                        script.open(fill(route.rule, value), method=route.method) for value in (thing, str(uuid4()))
                    )
                    assert theirs.status_code == nobodys.status_code
                    assert theirs.status_code in {400, 404, 415, 422}
    assert {item["id"] for item in owner.get("/api/v1/tasks").json["items"]}
    assert script.get("/api/v1/tasks").json["items"] == []


def test_token_cannot_end_a_session(app, owner):
    script = bearing(app, create(owner)["token"])
    response = script.post(LOGOUT)
    assert (response.status_code, response.json["code"]) == (401, "token_invalid")
    assert owner.get(ME).status_code == 200


def test_token_is_no_refresh_token(app, owner):
    body = {"refresh_token": create(owner)["token"]}
    for path in ("/api/v1/auth/refresh", LOGOUT):
        response = app.test_client().post(path, json=body)
        assert (response.status_code, response.json["code"]) == (401, "invalid_refresh_token")
