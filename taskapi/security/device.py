"""The device cookie: a browser on which a user has signed in before is told apart from strangers who try that name.

Strangers can use up the limits of a name, of an address or of the queue of password checks. The cookie lets the user in
all the same. It is no credential: the password is still asked for, and failed attempts with one cookie have a limit of
their own. It holds no name; a keyed hash binds it to one. A cookie that does not fit the name counts as none, so the
response to strangers is the same for every name.
"""

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from typing import Final, NamedTuple

from flask import Response, request

from taskapi.config import settings
from taskapi.security.cookies import are_secure, cookie_name
from taskapi.security.keys import ring

COOKIE: Final = "device"
LIFE_SECONDS: Final = 90 * 86400  # from the last sign-in


class Device(NamedTuple):
    """A cookie whose signature is good: the device's id, and the hash of the name that signed in on it."""

    id: str
    name_hash: str

    def belongs_to(self, username: str) -> bool:
        """Tell whether this user signed in on the device."""
        hashes = [_name_hash(secret, username) for secret in ring().secrets("device")]
        return any(hmac.compare_digest(self.name_hash, made) for made in hashes)


def presented_device() -> Device | None:
    """Return the device of the request's cookie; None without a cookie, or with one that is forged or expired."""
    expires, _, rest = request.cookies.get(cookie_name(COOKIE), "").partition(".")
    device_id, _, rest = rest.partition(".")
    name_hash, _, signature = rest.partition(".")
    signed = f"{expires}.{device_id}.{name_hash}"
    made = [_sign(secret, signed) for secret in ring().secrets("device")]
    if not any(hmac.compare_digest(signature.encode(), one.encode()) for one in made):
        return None
    return Device(device_id, name_hash) if int(expires) > time.time() else None


def remember_device(response: Response, username: str, device: Device | None) -> Response:
    """Set the cookie with the response to a sign-in; a device that the user has used keeps its id, and so its limit."""
    secret = ring().secrets("device")[0]
    device_id = device.id if device else secrets.token_urlsafe(12)
    signed = f"{int(time.time()) + LIFE_SECONDS}.{device_id}.{_name_hash(secret, username)}"
    response.set_cookie(
        cookie_name(COOKIE),
        f"{signed}.{_sign(secret, signed)}",
        max_age=LIFE_SECONDS,
        path="/" if are_secure() else request.script_root or "/",
        secure=are_secure(),
        httponly=True,
        samesite=settings().cookie_samesite,
    )
    return response


def _name_hash(secret: bytes, username: str) -> str:
    return _digest(secret, f"name\n{username}")


def _sign(secret: bytes, signed: str) -> str:
    return _digest(secret, f"cookie\n{signed}")


def _digest(secret: bytes, text: str) -> str:
    return urlsafe_b64encode(hmac.digest(secret, text.encode(), "sha256")[:18]).decode()
