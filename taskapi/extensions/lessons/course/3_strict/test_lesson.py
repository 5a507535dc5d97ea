"""The tests of lesson 3. The docstring of each test says what the service must do."""

import hmac
import time
from base64 import urlsafe_b64encode

import jwt
import pytest
from app import app
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NAMES = ["iss", "aud", "sub", "role", "iat", "exp"]


@pytest.fixture(scope="module")
def token():
    """Return a token of ada."""
    response = app.test_client().post("/login", json={"username": "ada", "password": "analytical engine"})
    return response.json["token"]


@pytest.fixture(scope="module")
def claims(token):
    """Return the claims of a token of ada."""
    return jwt.decode(token, options={"verify_signature": False})


def status_of(token):
    """Return the status of GET /me with a token."""
    return app.test_client().get("/me", headers={"Authorization": f"Bearer {token}"}).status_code


def sign(claims, **header):
    """Return a token with a valid signature of this service."""
    return jwt.encode(claims, app.config["KEY"], algorithm="HS256", headers=header)


def test_token_has_all_claims(claims):
    """A token of POST /login has the claims iss, aud, sub, role, iat and exp."""
    assert set(NAMES) <= claims.keys()


def test_token_lives_as_long_as_configured(claims):
    """A token expires app.config["TOKEN_SECONDS"] after it was issued."""
    assert claims["exp"] - claims["iat"] == app.config["TOKEN_SECONDS"]


def test_me_accepts_our_token(token):
    """GET /me accepts a token of POST /login."""
    assert status_of(token) == 200


@pytest.mark.parametrize("name", NAMES)
def test_me_rejects_token_without_claim(claims, name):
    """GET /me responds 401 to a token that lacks one of these claims, even if its signature is valid."""
    assert status_of(sign({key: value for key, value in claims.items() if key != name})) == 401


@pytest.mark.parametrize("audience", ["another service", ["lessons", "another service"]])
def test_me_rejects_other_audience(claims, audience):
    """GET /me responds 401 to a token with another aud, which was issued for another service."""
    assert status_of(sign({**claims, "aud": audience})) == 401


def test_me_rejects_other_issuer(claims):
    """GET /me responds 401 to a token with another iss."""
    assert status_of(sign({**claims, "iss": "another service"})) == 401


def test_me_rejects_expired_token(claims):
    """GET /me responds 401 to an expired token."""
    past = int(time.time()) - 1_000
    assert status_of(sign({**claims, "iat": past, "exp": past + 900})) == 401


def test_me_rejects_long_lifetime(claims):
    """GET /me responds 401 to a token that is valid for longer than app.config["TOKEN_SECONDS"]."""
    assert status_of(sign({**claims, "exp": int(time.time()) + 10**9})) == 401


@pytest.mark.parametrize("value", [True, None, "soon", [], 1e400, time.time() + 60.5])
def test_me_rejects_expiry_of_wrong_type(claims, value):
    """GET /me responds 401 to a token whose exp is not a whole number."""
    assert status_of(sign({**claims, "exp": value})) == 401


def test_me_rejects_alg_none(claims):
    """GET /me responds 401 to a token with the algorithm none."""
    assert status_of(jwt.encode(claims, None, algorithm="none")) == 401


def test_me_rejects_other_header_members(claims):
    """GET /me responds 401 to a token with more header members than alg and typ."""
    assert status_of(sign(claims, crit=["x"])) == 401


def test_me_rejects_token_when_key_is_pem(claims, monkeypatch):
    """GET /me responds 401 if the key is a PEM file, because a public key is no secret."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = forge_hs256(sign(claims), pem)
    monkeypatch.setitem(app.config, "KEY", pem)
    assert status_of(token) == 401


def test_me_rejects_claims_that_are_no_object(token):
    """GET /me responds 401 to a token whose claims are no JSON object, not 500."""
    header = token.split(".")[0]
    assert status_of(forge_hs256(f"{header}.NQ.x", app.config["KEY"])) == 401  # NQ is the number 5


def forge_hs256(token, key):
    """Return a token signed again, with any key. PyJWT itself refuses to sign with a PEM file."""
    text = token.rpartition(".")[0]
    return f"{text}.{urlsafe_b64encode(hmac.digest(key, text.encode(), 'sha256')).decode().rstrip('=')}"
