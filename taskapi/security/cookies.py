"""Tokens in cookies, for browsers: out of reach of scripts, and useless to other sites (double submit, per token)."""

import hmac
from base64 import urlsafe_b64encode
from http import HTTPStatus
from typing import Final

from flask import Response, request

from taskapi.api import problem
from taskapi.config import settings
from taskapi.security.keys import ring
from taskapi.security.tokens import caller

ACCESS: Final = "access_token"
REFRESH: Final = "refresh_token"
CSRF_ACCESS: Final = "csrf_access_token"
CSRF_REFRESH: Final = "csrf_refresh_token"
COOKIES: Final = (ACCESS, REFRESH, CSRF_ACCESS, CSRF_REFRESH)
CSRF_HEADER: Final = "X-CSRF-TOKEN"
SAFE: Final = {"GET", "HEAD", "OPTIONS"}


def are_secure() -> bool:
    """Tell whether cookies are `Secure`: in production always, in development when the request came over HTTPS."""
    chosen = settings().cookie_secure
    return chosen if chosen is not None else settings().production or request.is_secure


def cookie_name(name: str) -> str:
    """Return a cookie's full name. `__Host-` keeps other hosts of the domain from setting it; it needs `Secure`."""
    return f"__Host-{name}" if are_secure() else name


def read_cookie(name: str) -> str | None:
    """Return the value of a cookie of ours.

    Responds 400 to two values under one name: one of them was set by somebody else, and nothing tells which.
    """
    values = set(request.cookies.getlist(cookie_name(name)))
    if len(values) > 1:
        problem("malformed_request", f"The cookie {cookie_name(name)} came twice, with different values.")
    return values.pop() if values else None


def set_cookies(response: Response, tokens: dict[str, str], max_age: int) -> Response:
    """Put tokens and their CSRF values into cookies for `max_age` seconds.

    The access token's cookie outlives the token, so that an expired token is told apart from a missing one.
    """
    secure = are_secure()
    for name, value in tokens.items():
        response.set_cookie(
            cookie_name(name),
            value,
            max_age=max_age,
            path="/" if secure else request.script_root or "/",
            secure=secure,
            httponly=name in {ACCESS, REFRESH},
            samesite=settings().cookie_samesite,
        )
    return response


def clear_cookies(response: Response) -> Response:
    """Delete our cookies, and what the browser cached: the back button must not show a signed-out user's lists.

    Does nothing where the browser sent none of our cookies.
    """
    if request.cookies.keys() & {cookie_name(name) for name in COOKIES}:
        set_cookies(response, dict.fromkeys(COOKIES, ""), 0)
        response.headers["Clear-Site-Data"] = '"cache"'
    return response


def clear_own(response: Response) -> Response:
    """Delete our cookies where they brought the caller's token; for whatever ends the caller's own session."""
    return clear_cookies(response) if caller().csrf else response


def clear_if_refused(response: Response) -> Response:
    """Delete our cookies with a 401: the tokens in them are no longer valid."""
    return clear_cookies(response) if response.status_code == HTTPStatus.UNAUTHORIZED else response


def csrf_of(refresh_token: str) -> str:
    """Return the CSRF value that goes with a refresh token."""
    return _csrf(ring().secrets("csrf")[0], refresh_token)


def require_csrf_of(refresh_token: str) -> None:
    """Answer 403 unless the request proves that its sender can read the cookies of this site."""
    require_csrf(*(_csrf(secret, refresh_token) for secret in ring().secrets("csrf")))


def require_csrf(*values: str) -> None:
    """Answer 403 unless the X-CSRF-TOKEN header has one of these values."""
    given = request.headers.get(CSRF_HEADER, "").encode()
    if not any(hmac.compare_digest(given, value.encode()) for value in values if value):
        problem("csrf_failed")


def _csrf(key: bytes, refresh_token: str) -> str:
    return urlsafe_b64encode(hmac.digest(key, refresh_token.encode(), "sha256")[:24]).decode()
