"""The tests of lesson 8. The docstring of each test says what the service must do."""

import time
from functools import lru_cache

import app as service
import jwt
import pytest
from app import app
from werkzeug.security import check_password_hash

PASSWORDS = {"ada": "analytical engine", "grace": "nanoseconds of wire"}

service.check_password_hash = lru_cache(check_password_hash)  # it is slow on purpose: check each password once


def log_in(username):
    """Return a new token of a user."""
    response = app.test_client().post("/login", json={"username": username, "password": PASSWORDS[username]})
    return response.json["token"]


def send(token, method, path, json=None):
    """Return the response to a request with a token."""
    return app.test_client().open(path, method=method, headers={"Authorization": f"Bearer {token}"}, json=json)


def is_valid(token):
    """Return whether GET /me accepts a token. It rejects a token with 401, and with no other status."""
    status = send(token, "GET", "/me").status_code
    assert status in {200, 401}
    return status == 200


def test_token_ends_with_logout():
    """After POST /logout with a token, GET /me responds 401 to it."""
    token = log_in("ada")
    assert is_valid(token)
    assert send(token, "POST", "/logout").status_code == 204
    assert not is_valid(token)


def test_token_of_other_device_continues():
    """POST /logout revokes the token that it was sent with, and no other token of the user."""
    phone, laptop = log_in("ada"), log_in("ada")
    send(phone, "POST", "/logout")
    assert is_valid(laptop)


def test_logout_needs_token():
    """POST /logout responds 401 without a valid token, and to the second logout with a token."""
    token = log_in("ada")
    send(token, "POST", "/logout")
    assert send(token, "POST", "/logout").status_code == 401
    assert app.test_client().post("/logout").status_code == 401


def test_denylist_has_no_expired_tokens(monkeypatch):
    """DENYLIST has the jti of each revoked token with its exp, and POST /logout deletes entries whose exp is past."""
    monkeypatch.setattr(service, "DENYLIST", {"old": time.time() - 1, "new": time.time() + 100}, raising=False)
    token = log_in("ada")
    claims = jwt.decode(token, options={"verify_signature": False})
    send(token, "POST", "/logout")
    assert service.DENYLIST.keys() == {"new", claims.get("jti")}
    assert service.DENYLIST[claims["jti"]] == claims["exp"]


def test_logout_everywhere_ends_all_tokens_of_user():
    """POST /logout/all revokes all tokens of the user, and no token of other users."""
    phone, laptop, other = log_in("ada"), log_in("ada"), log_in("grace")
    assert send(phone, "POST", "/logout/all").status_code == 204
    assert [is_valid(token) for token in (phone, laptop, other)] == [False, False, True]


def test_logout_everywhere_needs_token():
    """POST /logout/all responds 401 without a valid token, and after a logout."""
    token = log_in("ada")
    send(token, "POST", "/logout")
    assert send(token, "POST", "/logout/all").status_code == 401


def test_user_can_log_in_after_logout_everywhere():
    """A new login right after POST /logout/all, in the same second, returns a token that is valid."""
    send(log_in("ada"), "POST", "/logout/all")
    assert is_valid(log_in("ada"))


@pytest.fixture
def demoted():
    """Return a token that ada got as an administrator. Then grace makes her a viewer."""
    token, admin = log_in("ada"), log_in("grace")
    assert send(admin, "PUT", "/users/ada/role", {"role": "viewer"}).status_code == 204
    yield token
    send(admin, "PUT", "/users/ada/role", {"role": "admin"})


def test_old_administrator_token_ends(demoted):
    """PUT /users/NAME/role revokes the tokens of this user, so that no token has the old role."""
    assert not is_valid(demoted)
    assert send(demoted, "PUT", "/users/ada/role", {"role": "admin"}).status_code == 401


def test_new_token_has_new_role(demoted):
    """After PUT /users/NAME/role, a new login returns a token with the new role, which gets 403 from this route."""
    token = log_in("ada")
    assert send(token, "GET", "/me").json["role"] == "viewer"
    assert send(token, "PUT", "/users/ada/role", {"role": "admin"}).status_code == 403


def test_role_change_keeps_tokens_of_others(demoted):
    """PUT /users/NAME/role revokes no tokens of other users, and responds 404 to a name that does not exist."""
    admin = log_in("grace")
    send(admin, "PUT", "/users/ada/role", {"role": "editor"})
    assert is_valid(admin)
    assert send(admin, "PUT", "/users/nobody/role", {"role": "editor"}).status_code == 404


@pytest.mark.parametrize("name", ["jti", "epoch"])
def test_token_without_claim_is_rejected(name):
    """GET /me responds 401 to a token without the claim jti or epoch, not 500. Such a token could not be revoked."""
    claims = jwt.decode(log_in("ada"), options={"verify_signature": False})
    del claims[name]
    assert not is_valid(jwt.encode(claims, app.config["KEY"], algorithm="HS256"))


def test_token_of_deleted_user_is_rejected(monkeypatch):
    """GET /me responds 401 to a token of a user who is not in USERS any more."""
    token = log_in("ada")
    monkeypatch.delitem(service.USERS, "ada")
    assert not is_valid(token)
