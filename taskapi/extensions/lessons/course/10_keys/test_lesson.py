"""The tests of lesson 10. The docstring of each test says what the service must do."""

import hmac
import json
from base64 import urlsafe_b64encode
from functools import lru_cache

import app as service
import jwt
import pytest
from app import KEYS, app
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from werkzeug.security import check_password_hash

service.check_password_hash = lru_cache(check_password_hash)  # it is slow on purpose: check each password once


def log_in():
    """Return a new token of ada."""
    return app.test_client().post("/login", json={"username": "ada", "password": "analytical engine"}).json["token"]


def me(token):
    """Return the status of GET /me with a token."""
    return app.test_client().get("/me", headers={"Authorization": f"Bearer {token}"}).status_code


def published():
    """Return the keys of the JWKS."""
    return app.test_client().get("/.well-known/jwks.json").json["keys"]


def kid_of(token):
    """Return the kid in the header of a token."""
    return jwt.get_unverified_header(token).get("kid")


def sign(key, alg, **header):
    """Return a token of ada that is signed with any key."""
    claims = jwt.decode(log_in(), options={"verify_signature": False})
    return jwt.encode(claims, key, algorithm=alg, headers=header)


def test_no_secret_is_published():
    """GET /.well-known/jwks.json shows public keys only: no key has a member k or d, which are secret."""
    assert [jwk for jwk in published() if {"k", "d"} & jwk.keys()] == []


def test_token_names_its_key():
    """The header of a token has the member kid: the id of its key in KEYS and in the JWKS."""
    kid = kid_of(log_in())
    assert kid in KEYS
    assert kid in {jwk.get("kid") for jwk in published()}


@pytest.mark.parametrize("alg", ["ES256", "RS256", "RS512"])
def test_other_service_verifies_by_jwks(alg):
    """After rotate(alg), tokens are signed with that algorithm, and the JWKS alone is enough to verify them."""
    service.rotate(alg)
    token = log_in()
    keys = {jwk["kid"]: jwk for jwk in published()}
    key = jwt.PyJWK(keys[kid_of(token)])
    assert (jwt.get_unverified_header(token)["alg"], keys[kid_of(token)]["alg"]) == (alg, alg)
    assert jwt.decode(token, key, algorithms=[alg])["sub"] == "ada"


@pytest.mark.parametrize("alg", ["ES256", "RS256", "RS512"])
def test_me_accepts_token_of_each_algorithm(alg):
    """GET /me accepts a token that was issued after rotate(alg), for ES256, RS256 and RS512."""
    service.rotate(alg)
    assert me(log_in()) == 200


def test_old_token_survives_rotation():
    """A token that was issued before rotate() is valid after it, and a new token names another key."""
    old = log_in()
    service.rotate()
    new = log_in()
    assert kid_of(old) != kid_of(new)
    assert (me(old), me(new)) == (200, 200)


def test_secret_cannot_be_published():
    """rotate("HS256") raises ValueError: whoever can verify with a secret can also sign."""
    with pytest.raises(ValueError, match="HS256"):
        service.rotate("HS256")


def test_key_decides_algorithm():
    """GET /me responds 401 to a token whose header names another algorithm than that of its key."""
    service.rotate("RS256")
    kid = kid_of(log_in())
    private = KEYS[kid]["private"]
    assert me(sign(private, "RS256", kid=kid)) == 200
    assert me(sign(private, "RS512", kid=kid)) == 401


def test_public_key_is_no_secret():
    """GET /me responds 401 to a token that is signed by HS256 with the public key as the secret."""
    kid = kid_of(log_in())
    pem = KEYS[kid]["public"].public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header, claims = {"alg": "HS256", "kid": kid}, log_in().split(".")[1]
    text = f"{urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip('=')}.{claims}"
    signature = urlsafe_b64encode(hmac.digest(pem, text.encode(), "sha256")).decode().rstrip("=")
    assert me(f"{text}.{signature}") == 401


def test_unknown_key_is_rejected():
    """GET /me responds 401 to a token without kid, with an unknown kid, or with a key in its own header. Not 500."""
    own = ec.generate_private_key(ec.SECP256R1())
    jwk = jwt.get_algorithm_by_name("ES256").to_jwk(own.public_key(), as_dict=True)
    tokens = sign(own, "ES256"), sign(own, "ES256", kid="mine"), sign(own, "ES256", kid="mine", jwk=jwk), "x"
    assert [me(token) for token in tokens] == [401, 401, 401, 401]


def test_revoked_key_is_useless():
    """After revoke(kid), tokens of this key get 401, and the key is in neither KEYS nor the JWKS."""
    token = log_in()
    kid = kid_of(token)
    leaked = KEYS[kid]
    service.rotate()
    service.revoke(kid)
    assert me(token) == 401
    assert me(sign(leaked["private"], leaked["alg"], kid=kid)) == 401
    assert kid not in KEYS
    assert kid not in {jwk["kid"] for jwk in published()}


def test_tokens_of_other_keys_survive_revocation():
    """After revoke(kid), tokens of other keys are still valid."""
    leaked = kid_of(log_in())
    service.rotate()
    token = log_in()
    service.revoke(leaked)
    assert me(token) == 200


def test_service_can_sign_after_revocation():
    """After revoke(kid) of the only key, or of the key that signs, a login returns a valid token of another key."""
    for kid in [*KEYS]:
        service.revoke(kid)
    assert kid_of(log_in()) in KEYS
    assert me(log_in()) == 200
