"""Cookies: tokens for browsers with CSRF values (double submit, one for each token), and the device cookie.

The device cookie marks a browser on which a user has signed in before. Strangers who try the username can exhaust the
limits of the name, of an address or of the password queue. With the cookie, the user can sign in nevertheless. It is
not a credential: the password is still required, and failed sign-ins with one cookie have their own limit. The cookie
contains no username; a keyed hash binds it to one. A cookie for another username is ignored, so that the response to
strangers is the same for every username.
"""

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from http import HTTPStatus
from typing import Final, NamedTuple

from flask import Response, request

from taskapi.api import problem
from taskapi.config import settings
from taskapi.security.keys import current_key_set
from taskapi.security.tokens import caller

ACCESS: Final = "access_token"
REFRESH: Final = "refresh_token"
CSRF_ACCESS: Final = "csrf_access_token"
CSRF_REFRESH: Final = "csrf_refresh_token"
TOKEN_COOKIES: Final = (ACCESS, REFRESH, CSRF_ACCESS, CSRF_REFRESH)
CSRF_HEADER: Final = "X-CSRF-TOKEN"
SAFE_METHODS: Final = {"GET", "HEAD", "OPTIONS"}
DEVICE: Final = "device"
DEVICE_SECONDS: Final = 90 * 86400  # from the last sign-in


def are_secure() -> bool:
    """Tell whether cookies are `Secure`: in production always, in development if the request came over HTTPS."""
    chosen = settings().cookie_secure
    return chosen if chosen is not None else settings().production or request.is_secure


def cookie_name(name: str) -> str:
    """Return the full name. `__Host-` prevents other hosts of the domain from setting it. It requires `Secure`."""
    return f"__Host-{name}" if are_secure() else name


def read_cookie(name: str) -> str | None:
    """Return the value of one of our cookies.

    Responds 400 to two different values of one name: another host has set one of them, and it is unknown which.
    """
    values = set(request.cookies.getlist(cookie_name(name)))
    if len(values) > 1:
        problem("malformed_request", f"The cookie {cookie_name(name)} was sent twice, with different values.")
    return values.pop() if values else None


def set_token_cookies(response: Response, tokens: dict[str, str], max_age: int) -> Response:
    """Put tokens and their CSRF values into cookies for `max_age` seconds.

    The cookie of the access token lives longer than the token, so that an expired token differs from a missing one.
    """
    for name, value in tokens.items():
        _set_cookie(response, name, value, max_age, httponly=name in {ACCESS, REFRESH})
    return response


def clear_token_cookies(response: Response) -> Response:
    """Delete the token cookies and the browser's cache: the back button must not show a signed-out user's lists.

    Does nothing if the request carried none of the cookies.
    """
    if request.cookies.keys() & {cookie_name(name) for name in TOKEN_COOKIES}:
        set_token_cookies(response, dict.fromkeys(TOKEN_COOKIES, ""), 0)
        response.headers["Clear-Site-Data"] = '"cache"'
    return response


def clear_caller_cookies(response: Response) -> Response:
    """Delete the token cookies if the caller's token was in one. Call it when the caller's session ends."""
    return clear_token_cookies(response) if caller().csrf else response


def clear_cookies_if_unauthorized(response: Response) -> Response:
    """Delete the token cookies with a 401: their tokens are no longer valid."""
    return clear_token_cookies(response) if response.status_code == HTTPStatus.UNAUTHORIZED else response


def csrf_of(refresh_token: str) -> str:
    """Return the CSRF value for a refresh token."""
    return _digest(current_key_set().secrets("csrf")[0], refresh_token, 24)


def require_csrf_of(refresh_token: str) -> None:
    """Respond 403 unless the request has the CSRF value for a refresh token."""
    require_csrf(*(_digest(secret, refresh_token, 24) for secret in current_key_set().secrets("csrf")))


def require_csrf(*values: str) -> None:
    """Respond 403 unless the X-CSRF-TOKEN header has one of these values."""
    given = request.headers.get(CSRF_HEADER, "").encode()
    if not any(hmac.compare_digest(given, value.encode()) for value in values if value):
        problem("csrf_failed")


class Device(NamedTuple):
    """A device cookie with a valid signature: the device's id, and the hash of the name that signed in on it."""

    id: str
    name_hash: str

    def belongs_to(self, username: str) -> bool:
        """Tell whether this user has signed in on the device."""
        hashes = [_name_hash(secret, username) for secret in current_key_set().secrets("device")]
        return any(hmac.compare_digest(self.name_hash, one) for one in hashes)


def read_device() -> Device | None:
    """Return the device of the request's cookie; None without a cookie, or if it is forged or expired."""
    expires, _, rest = request.cookies.get(cookie_name(DEVICE), "").partition(".")
    device_id, _, rest = rest.partition(".")
    name_hash, _, signature = rest.partition(".")
    signed = f"{expires}.{device_id}.{name_hash}"
    valid = [_sign_device(secret, signed) for secret in current_key_set().secrets("device")]
    if not any(hmac.compare_digest(signature.encode(), one.encode()) for one in valid):
        return None
    return Device(device_id, name_hash) if int(expires) > time.time() else None


def set_device_cookie(response: Response, username: str, device: Device | None) -> Response:
    """Set the device cookie with the response to a sign-in. A known device keeps its id, and so its limit."""
    secret = current_key_set().secrets("device")[0]
    device_id = device.id if device else secrets.token_urlsafe(12)
    signed = f"{int(time.time()) + DEVICE_SECONDS}.{device_id}.{_name_hash(secret, username)}"
    value = f"{signed}.{_sign_device(secret, signed)}"
    _set_cookie(response, DEVICE, value, DEVICE_SECONDS, httponly=True)
    return response


def _set_cookie(response: Response, name: str, value: str, max_age: int, *, httponly: bool) -> None:
    secure = are_secure()
    response.set_cookie(
        cookie_name(name),
        value,
        max_age=max_age,
        path="/" if secure else request.script_root or "/",
        secure=secure,
        httponly=httponly,
        samesite=settings().cookie_samesite,
    )


def _name_hash(secret: bytes, username: str) -> str:
    return _digest(secret, f"name\n{username}", 18)


def _sign_device(secret: bytes, signed: str) -> str:
    return _digest(secret, f"cookie\n{signed}", 18)


def _digest(secret: bytes, text: str, length: int) -> str:
    """Return `length` bytes of an HMAC in base64url."""
    return urlsafe_b64encode(hmac.digest(secret, text.encode(), "sha256")[:length]).decode()
