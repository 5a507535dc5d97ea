"""Decode, sign and forge access tokens."""

import base64
import hashlib
import hmac
import json
import secrets

SECRET = secrets.token_urlsafe(48)
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
DETAILS = {
    "token_missing": "Authorization token is missing.",
    "token_malformed": "Malformed token.",
    "token_invalid": "Invalid token signature or claims.",
    "token_expired": "Token has expired. Please re-authenticate.",
}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signing_input(header, claims):
    """Return the signing input of a header and claims, given as mappings or JSON text."""
    parts = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims))
    return ".".join(b64(part) for part in parts)


def sign(header, claims, secret=SECRET, alg="HS256"):
    """Sign any header and claims with the key."""
    text = signing_input(header, claims)
    return f"{text}.{b64(hmac.digest(secret.encode(), text.encode(), HASHES[alg]))}"


def decode_token(token):
    """Return the header and the claims of a token."""
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def assert_refused(response, code):
    assert (response.status_code, response.json["code"], response.json["detail"]) == (401, code, DETAILS[code])
    challenge = "Bearer" if code == "token_missing" else 'Bearer error="invalid_token"'
    assert response.headers["WWW-Authenticate"] == challenge
    assert response.content_type == "application/problem+json"
