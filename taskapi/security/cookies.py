"""Tokens in cookies, for browsers: out of reach of scripts, and useless to other sites (double submit, per token)."""

import hmac
from base64 import urlsafe_b64encode
from http import HTTPStatus
from typing import Final

from flask import Response, request

from taskapi.api import problem
from taskapi.config import settings
from taskapi.security.keys import ring

ACCESS: Final = "access_token_cookie"
REFRESH: Final = "refresh_token_cookie"
CSRF_ACCESS: Final = "csrf_access_token"
CSRF_REFRESH: Final = "csrf_refresh_token"
CSRF_HEADER: Final = "X-CSRF-TOKEN"
PATHS: Final = {ACCESS: "/api", REFRESH: "/api/v1/auth", CSRF_ACCESS: "/", CSRF_REFRESH: "/"}
SAFE: Final = {"GET", "HEAD", "OPTIONS"}


def set_cookies(response: Response, tokens: dict[str, str], max_age: int) -> Response:
    """Put tokens and their CSRF values into cookies for `max_age` seconds.

    The access token's cookie outlives the token, so that an old one is told apart from none.
    """
    for name, value in tokens.items():
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path=PATHS[name],
            secure=settings().cookie_secure,
            httponly=name in {ACCESS, REFRESH},
            samesite=settings().cookie_samesite,
        )
    return response


def clear_cookies(response: Response) -> Response:
    """Take back every cookie of ours that the browser sent."""
    return set_cookies(response, dict.fromkeys(PATHS, ""), 0) if request.cookies.keys() & PATHS.keys() else response


def clear_if_refused(response: Response) -> Response:
    """Take the cookies back with a 401: what is in them serves no more."""
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
