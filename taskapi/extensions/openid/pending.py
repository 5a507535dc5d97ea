"""A sign-in that has started and not returned from the provider yet. It is in a cookie of the browser that started it.

The cookie has a signature and 256 random bits. State, nonce and PKCE verifier are HMACs of it with a key of this
service. So nothing is stored before the provider responds, and nobody can read the verifier, not even the browser.
"""

import hmac
import json
import secrets
import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from flask import Response, request

from taskapi.security.cookies import are_secure, cookie_name, read_cookie
from taskapi.security.jws import base64url_encode
from taskapi.security.keys import current_key_set

NAME: Final = "openid"  # of the cookie, and of the keys
LIFE: Final = 600  # seconds until the sign-in must have returned
KEPT: Final = 3600  # seconds until the browser deletes the cookie: an expired one still tells where to report the error


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """A sign-in that has started: where it returns to, and what ties it to the browser and to the client."""

    next: str
    challenge: str  # of the client, which sends the verifier with the code
    reauthenticate: bool  # whether the person must enter their credentials at the provider again
    started_at: int  # Unix seconds
    state: str
    nonce: str
    verifier: str


def start_sign_in(next_url: str, challenge: str, *, reauthenticate: bool) -> tuple[PendingSignIn, str]:
    """Return a new sign-in, and the value of its cookie."""
    secret = current_key_set().secrets(NAME)[0]
    members = [next_url, challenge, reauthenticate, int(time.time()), secrets.token_urlsafe(32)]
    body = base64url_encode(json.dumps(members).encode())
    return _read(body, secret), f"{body}.{_derive(secret, 'cookie', body)}"


def read_pending() -> PendingSignIn | None:
    """Return the sign-in that this browser has started; None without its cookie, or if that is forged."""
    body, _, signature = (read_cookie(NAME) or "").partition(".")
    for secret in current_key_set().secrets(NAME):
        if hmac.compare_digest(signature.encode(), _derive(secret, "cookie", body).encode()):
            return _read(body, secret)
    return None


def set_cookie(response: Response, value: str) -> Response:
    """Store the cookie, or delete it with an empty value. It is `Lax`, because the provider sends the browser back."""
    path, age = "/" if are_secure() else request.script_root or "/", KEPT if value else 0
    response.set_cookie(cookie_name(NAME), value, age, path=path, secure=are_secure(), httponly=True, samesite="Lax")
    return response


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return base64url_encode(sha256(verifier.encode()).digest())


def _read(body: str, secret: bytes) -> PendingSignIn:
    next_url, challenge, reauthenticate, started_at, _random = json.loads(urlsafe_b64decode(body + "=="))
    derived = (_derive(secret, name, body) for name in ("state", "nonce", "verifier"))
    return PendingSignIn(next_url, challenge, reauthenticate, started_at, *derived)


def _derive(secret: bytes, name: str, body: str) -> str:
    """Return 43 characters that only this service can compute from the cookie."""
    return base64url_encode(hmac.digest(secret, f"{name}\n{body}".encode(), "sha256"))
