"""How a user signed in: the claim `amr`, and the checks by which extensions ask for more."""

import pytest
from sqlalchemy import select

from taskapi.api import problem
from taskapi.auth import service
from taskapi.auth.models import Session
from taskapi.database import db
from taskapi.security import guard
from tests.conftest import PASSWORD
from tests.forging import decode_token

LOGIN = "/api/v1/auth/login"


def amr_of(body):
    return decode_token(body["access_token"])[1]["amr"]


@pytest.fixture
def methods(monkeypatch):
    """Let all sign-ins use another method as well as the password."""
    complete = service.complete_sign_in
    monkeypatch.setattr(
        service, "complete_sign_in", lambda user, amr, **kwargs: complete(user, [*amr, "otp"], **kwargs)
    )
    return ["pwd", "otp"]


def test_session_keeps_how_its_user_signed_in(client, new_user, methods):
    credentials = {"username": new_user(), "password": PASSWORD}
    grant = client.post(LOGIN, json=credentials).json
    found = [amr_of(grant)]
    found.append(amr_of(client.post("/api/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]}).json))
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {grant['access_token']}"
    found.append(amr_of(client.post("/api/v1/auth/verify-password", json={"password": PASSWORD}).json))
    passwords = {"current_password": PASSWORD, "new_password": "another horse battery staple"}
    changed = client.put("/api/v1/me/password", json=passwords).json
    found.append(amr_of(changed))
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {changed['access_token']}"
    replaced = client.delete("/api/v1/auth/sessions").json
    found.append(amr_of(replaced))
    found.append(amr_of(client.post("/api/v1/auth/refresh", json={"refresh_token": replaced["refresh_token"]}).json))
    assert found == [methods] * 6


def test_password_alone_is_one_method(signed_in):
    assert decode_token(signed_in().token)[1]["amr"] == ["pwd"]


def test_sign_in_is_recorded_with_its_methods_and_a_refresh_is_not_recorded(signed_in):
    user = signed_in()
    passwords = {"username": user.username, "password": PASSWORD}
    grant = user.post(LOGIN, json=passwords).json
    assert user.post("/api/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]}).status_code == 200
    entries = user.get("/api/v1/me/activity").json["items"]
    found = [(entry["event"], entry["details"]) for entry in entries]
    assert found == [("sign_in", {"amr": ["pwd"]}), ("created", found[-1][1])]


def test_check_of_an_extension_can_reject_a_sign_in_after_the_password(app, client, new_user, monkeypatch):
    seen = []

    def check(user, amr, fresh):
        seen.append((user.username, amr, fresh))
        problem("permission_denied")

    monkeypatch.setattr(service, "SIGN_IN_CHECKS", [check])
    username = new_user()
    response = client.post(LOGIN, json={"username": username, "password": PASSWORD, "cookies": True})
    assert (response.status_code, response.json["code"]) == (403, "permission_denied")
    assert "Set-Cookie" not in response.headers
    assert seen == [(username, ["pwd"], True)]
    assert client.post(LOGIN, json={"username": username, "password": "wrong"}).status_code == 401
    assert len(seen) == 1
    with app.app_context():
        user_id = db.session.scalars(select(service.User.id).where(service.User.username == username)).one()
        assert db.session.scalars(select(Session).where(Session.user_id == user_id)).all() == []


def test_sign_in_rejected_after_the_right_password_is_no_failed_one(make_app, new_user, monkeypatch):
    client = make_app(
        RATELIMIT_ENABLED=True, RATELIMIT_LOGIN_NAME="1/day", RATELIMIT_LOGIN_FAILED="1/day"
    ).test_client()
    username = new_user()

    def sign_in(password):
        return client.post(LOGIN, json={"username": username, "password": password}).status_code

    with monkeypatch.context() as context:
        context.setattr(service, "SIGN_IN_CHECKS", [lambda *_: problem("permission_denied")])
        assert [sign_in(PASSWORD) for _ in range(3)] == [403] * 3
    assert [sign_in("wrong"), sign_in(PASSWORD)] == [401, 429]


def test_check_of_an_application_can_reject_an_authenticated_request(app, client, signed_in, new_user, monkeypatch):
    by_header = signed_in()
    client.post(LOGIN, json={"username": new_user(), "password": PASSWORD, "cookies": True})
    assert [each.get("/api/v1/me").status_code for each in (by_header, client)] == [200, 200]
    checks = [lambda caller: problem("permission_denied", str(caller.amr))]
    monkeypatch.setitem(app.extensions, guard.ACCESS_CHECKS, checks)
    for each in (by_header, client):
        response = each.get("/api/v1/me")
        assert (response.status_code, response.json["detail"]) == (403, "('pwd',)")
