"""The tests of lesson 2. The docstring of each test says what the service must do."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import jwt
import pytest
from app import app

CLAIMS = {"sub": "ada", "role": "editor"}


@pytest.fixture(scope="module")
def token():
    """Return a token of ada."""
    response = app.test_client().post("/login", json={"username": "ada", "password": "analytical engine"})
    return response.json["token"]


def status_of(token):
    """Return the status of GET /me with a token."""
    return app.test_client().get("/me", headers={"Authorization": f"Bearer {token}"}).status_code


def test_token_has_three_parts(token):
    """A token has three parts, separated by dots: header, claims and signature."""
    assert token.count(".") == 2


def test_header_names_algorithm(token):
    """The header of a token is {"alg": "HS256", "typ": "JWT"}."""
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}


def test_key_is_as_long_as_the_hash():
    """The key app.config["KEY"] has at least 32 random bytes."""
    assert len(app.config["KEY"]) >= 32
    assert len(set(app.config["KEY"])) > 8


def test_pyjwt_accepts_our_token(token):
    """PyJWT accepts a token of this service with its key."""
    claims = jwt.decode(token, app.config["KEY"], algorithms=["HS256"])
    assert CLAIMS.items() <= claims.items()


def test_me_accepts_our_token(token):
    """GET /me accepts a token of POST /login."""
    assert status_of(token) == 200


def test_me_accepts_token_of_pyjwt(token):
    """GET /me accepts a token that PyJWT has signed with the key of this service."""
    claims = jwt.decode(token, app.config["KEY"], algorithms=["HS256"])
    assert status_of(jwt.encode(claims, app.config["KEY"], algorithm="HS256")) == 200


def test_me_rejects_rewritten_role(token):
    """GET /me responds 401 to a token whose claims were changed after signing."""
    header, payload, signature = token.split(".")
    claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    changed = urlsafe_b64encode(json.dumps({**claims, "role": "admin"}).encode()).decode().rstrip("=")
    assert status_of(f"{header}.{changed}.{signature}") == 401


def test_me_rejects_other_key():
    """GET /me responds 401 to a token that was signed with another key."""
    assert status_of(jwt.encode(CLAIMS, b"another key of thirty-two bytes!", algorithm="HS256")) == 401


@pytest.mark.parametrize("text", ["x", "..", "a.b.c", "e30.e30.", "bnVsbA.bnVsbA.x", "e30", "\u00e9.\u00e9.\u00e9"])
def test_me_rejects_malformed_token(text):
    """GET /me responds 401 to a malformed token, not 500."""
    assert status_of(text) == 401
