"""The tests of lesson 7. The docstring of each test says what the service must do."""

import time
from functools import lru_cache

import app as service
import pytest
from app import app
from werkzeug.security import check_password_hash

ADA = {"username": "ada", "password": "analytical engine"}
DAY = 86400

service.check_password_hash = lru_cache(check_password_hash)  # it is slow on purpose: check each password once


@pytest.fixture
def pair():
    """Return the tokens of a new session of ada."""
    return app.test_client().post("/login", json=ADA).json


def refresh(token):
    """Return the response of POST /refresh."""
    return app.test_client().post("/refresh", json={"refresh_token": token})


def successor_of(token):
    """Return the refresh token that POST /refresh returns for another one."""
    return refresh(token).json["refresh_token"]


def me(token):
    """Return the status of GET /me with a token."""
    return app.test_client().get("/me", headers={"Authorization": f"Bearer {token}"}).status_code


def test_refresh_returns_new_refresh_token(pair):
    """POST /refresh returns a new refresh token beside the new access token."""
    response = refresh(pair["refresh_token"])
    assert response.status_code == 200
    assert response.json.keys() == {"access_token", "refresh_token"}
    assert response.json["refresh_token"] != pair["refresh_token"]


def test_refresh_token_is_random_text(pair):
    """A refresh token is a random text of `secrets.token_urlsafe(32)`, and not a JWT."""
    assert "." not in pair["refresh_token"]
    assert len(pair["refresh_token"]) >= 43


def test_new_tokens_work(pair):
    """Both tokens that POST /refresh returns can be used."""
    second = refresh(pair["refresh_token"]).json
    third = refresh(second["refresh_token"]).json
    assert me(third["access_token"]) == 200


def test_refresh_token_is_no_access_token(pair):
    """GET /me responds 401 to a refresh token."""
    assert me(pair["access_token"]) == 200
    assert me(pair["refresh_token"]) == 401


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "\u00e9"])
def test_unknown_token_is_rejected(pair, text):
    """POST /refresh responds 401 to a text that is not a refresh token, and to an access token."""
    assert refresh(text).status_code == 401
    assert refresh(pair["access_token"]).status_code == 401
    assert refresh(pair["refresh_token"]).status_code == 200


def test_token_is_used_once(pair):
    """POST /refresh responds 401 when a refresh token is used for the second time."""
    successor_of(pair["refresh_token"])
    assert refresh(pair["refresh_token"]).status_code == 401


def test_session_ends_when_user_is_first(pair):
    """After the second use of a refresh token, POST /refresh responds 401 to its successor too."""
    stolen = pair["refresh_token"]
    of_user = successor_of(stolen)
    assert refresh(stolen).status_code == 401  # the thief
    assert refresh(of_user).status_code == 401


def test_session_ends_when_thief_is_first(pair):
    """After the second use of a refresh token, POST /refresh responds 401 to all later tokens of the session."""
    stolen = pair["refresh_token"]
    of_thief = successor_of(successor_of(successor_of(stolen)))
    assert refresh(stolen).status_code == 401  # the user
    assert refresh(of_thief).status_code == 401


def test_other_session_continues(pair):
    """When a session ends, other sessions of the same user continue."""
    other = app.test_client().post("/login", json=ADA).json
    successor_of(pair["refresh_token"])
    refresh(pair["refresh_token"])
    assert refresh(other["refresh_token"]).status_code == 200


def test_tokens_are_not_stored(pair):
    """The dictionaries of the service contain a SHA-256 of each refresh token, and not the token itself."""
    stored = repr([value for value in vars(service).values() if isinstance(value, (dict, list, set))])
    assert pair["refresh_token"] not in stored


def test_session_has_an_end(pair, monkeypatch):
    """A session ends SESSION_SECONDS (30 days) after the login by `time.time()`, however often it is refreshed."""
    login = time.time()
    monkeypatch.setattr(time, "time", lambda: login + 20 * DAY)
    latest = successor_of(pair["refresh_token"])
    monkeypatch.setattr(time, "time", lambda: login + 31 * DAY)
    assert refresh(latest).status_code == 401
