"""How tokens are handed over: in the body, or for a browser in cookies."""

import secrets
from typing import Any

from flask import Response

from taskapi.api.responses import to_json
from taskapi.auth.service import Granted
from taskapi.config import settings
from taskapi.database import now
from taskapi.security import cookies
from taskapi.security.tokens import TokenSubject, caller, issue_token

CSRF_BYTES = 24


def tokens(granted: Granted, *, in_cookies: bool) -> Response:
    """Answer a sign-in or a refresh."""
    csrf = secrets.token_urlsafe(CSRF_BYTES) if in_cookies else None
    access = issue_token(granted.subject, granted.session_id, fresh=granted.fresh, csrf=csrf)
    life = round((granted.refresh_expires_at - now()).total_seconds())
    body = {"expires_in": settings().access_token_seconds, "refresh_expires_in": life, "session_id": granted.session_id}
    if csrf is None:
        return _json({"access_token": access, "token_type": "Bearer", "refresh_token": granted.refresh_token, **body})
    readable = {cookies.CSRF_ACCESS: csrf, cookies.CSRF_REFRESH: cookies.csrf_of(granted.refresh_token)}
    values = {cookies.ACCESS: access, cookies.REFRESH: granted.refresh_token, **readable}
    return cookies.set_token_cookies(_json({"token_type": "Cookie", **body, **readable}), values, life)


def fresh_access_token(subject: TokenSubject, life: int) -> Response:
    """Answer a password that was entered again, by the way that the caller's token came."""
    csrf = secrets.token_urlsafe(CSRF_BYTES) if caller().csrf else None
    access = issue_token(subject, caller().session_id, fresh=True, csrf=csrf)
    body = {"expires_in": settings().access_token_seconds, "session_id": caller().session_id}
    if csrf is None:
        return _json({"access_token": access, "token_type": "Bearer", **body})
    readable = {cookies.CSRF_ACCESS: csrf}
    return cookies.set_token_cookies(
        _json({"token_type": "Cookie", **body, **readable}), {cookies.ACCESS: access, **readable}, life
    )


def _json(body: dict[str, Any]) -> Response:
    return Response(to_json(body), content_type="application/json")
