"""The tests of lesson 1. The docstring of each test says what the service must do."""

import pytest
from app import app

ADA = {"username": "ada", "password": "analytical engine"}


@pytest.fixture(scope="module")
def client():
    """Return a client of the service."""
    return app.test_client()


@pytest.fixture(scope="module")
def token(client):
    """Return a token of ada."""
    return client.post("/login", json=ADA).json["token"]


def test_login_returns_token(token):
    """POST /login returns a token for the right password."""
    assert token


def test_login_rejects_wrong_password(client):
    """POST /login responds 401 to a wrong password."""
    assert client.post("/login", json={**ADA, "password": "difference engine"}).status_code == 401


def test_login_rejects_unknown_user(client):
    """POST /login responds 401 to an unknown username, not 500."""
    assert client.post("/login", json={**ADA, "username": "charles"}).status_code == 401


def test_me_rejects_request_without_token(client):
    """GET /me responds 401 to a request without a token, with the header `WWW-Authenticate: Bearer`."""
    response = client.get("/me")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_me_reads_token_from_header(client, token):
    """GET /me reads the token from the header `Authorization: Bearer TOKEN`."""
    response = client.get("/me", headers={"Authorization": f"Bearer {token}"})
    assert response.json == {"username": "ada", "role": "editor"}


@pytest.mark.parametrize("text", ["x", "!", "bnVsbA", "e30", "Bearer Bearer", "\u00e9"])
def test_me_rejects_malformed_token(client, text):
    """GET /me responds 401 to a malformed token, not 500."""
    assert client.get("/me", headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_me_rejects_other_scheme(client, token):
    """GET /me responds 401 to a token with another scheme than Bearer."""
    assert client.get("/me", headers={"Authorization": f"Basic {token}"}).status_code == 401


def test_me_ignores_token_in_url(client, token):
    """GET /me ignores a token in the URL."""
    assert client.get(f"/me?token={token}").status_code == 401
