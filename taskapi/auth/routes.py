"""/auth: open an account, sign in, refresh, sign out."""

from typing import Any
from uuid import UUID

from flask import Response, after_this_request, request
from sqlalchemy.exc import IntegrityError

from taskapi.accounts.models import User, create_user
from taskapi.accounts.schemas import AccountSchema
from taskapi.api import Blueprint, problem
from taskapi.api.documenting import COOKIES
from taskapi.api.pages import LINK, PageSchema, next_link
from taskapi.auth import answers, service
from taskapi.auth.schemas import (
    AccessTokenSchema,
    EndSessionsSchema,
    LoginSchema,
    PasswordChangeSchema,
    PasswordSchema,
    RefreshSchema,
    RegisterSchema,
    SessionsSchema,
    TokensSchema,
)
from taskapi.config import settings
from taskapi.database import db
from taskapi.ops.metrics import REFRESHES, SIGN_INS, counted
from taskapi.security import cookies, passwords
from taskapi.security.guard import authenticate, bearer_token, public, requires
from taskapi.security.rbac import Permission
from taskapi.security.throttle import (
    LOGIN_ADDRESS,
    LOGIN_NAME,
    LOGIN_NAME_AT_ADDRESS,
    PASSWORD,
    REFRESH,
    REGISTER,
    address,
    throttle,
)
from taskapi.security.tokens import caller

blp = Blueprint("auth", __name__, url_prefix="/api/v1/auth", description="Opening an account and signing in.")
me = Blueprint("password", __name__, url_prefix="/api/v1/me", description="Your password.")


@blp.post("/register")
@blp.arguments(RegisterSchema)
@blp.response(201, AccountSchema, headers={"Location": {"schema": {"type": "string"}}})
@blp.problems(403, 409, 429)
@public
def register(account: dict[str, Any]) -> tuple[User, dict[str, str]]:
    """Open an account."""
    if not settings().registration_enabled:
        problem("registration_closed")
    throttle(REGISTER, address())
    passwords.check_strength(account["password"], service.own_words(**account))
    try:
        user = create_user(**account)
        db.session.commit()
    except IntegrityError:
        problem("username_taken")
    return user, {"Location": "/api/v1/me"}


@blp.post("/login")
@blp.arguments(LoginSchema)
@blp.response(200, TokensSchema, headers=COOKIES)
@blp.problems(401, 429, 503)
@public
def login(credentials: dict[str, Any]) -> Response:
    """Sign in by name and password."""
    name = credentials["username"].lower()
    throttle(LOGIN_ADDRESS, address())
    throttle(LOGIN_NAME_AT_ADDRESS, address(), name)
    if not service.has_signed_in_from_here(name):
        throttle(LOGIN_NAME, name)
    with counted(SIGN_INS):
        granted = service.sign_in(name, credentials["password"])
    db.session.commit()
    return answers.tokens(granted, in_cookies=credentials["cookies"])


@blp.post("/refresh")
@blp.arguments(RefreshSchema, optional=True)
@blp.response(200, TokensSchema, headers=COOKIES)
@blp.problems(401, 403, 429, 503)
@public
def refresh(body: dict[str, str]) -> Response:
    """Exchange a refresh token for new tokens; each serves once."""
    throttle(REFRESH, address())
    token = body.get("refresh_token") or _refresh_cookie()
    if token is None:
        problem("invalid_refresh_token")
    with counted(REFRESHES):
        granted = service.refresh(token)
    db.session.commit()
    return answers.tokens(granted, in_cookies="refresh_token" not in body)


@blp.post("/logout")
@blp.arguments(RefreshSchema, optional=True)
@blp.response(204, headers=COOKIES)
@blp.problems(401, 403, 503)
@public
def logout(body: dict[str, str]) -> Response:
    """Sign out: the session, all its tokens and its cookies are dead at once."""
    token = body.get("refresh_token") or (None if bearer_token() else _refresh_cookie())
    session = service.session_of(token) if token else None
    if token and session is None and not bearer_token():
        problem("invalid_refresh_token")
    if session is None:
        who = authenticate()
        session = (who.session_id, who.id)
    service.end_session(*session)
    db.session.commit()
    return cookies.clear_cookies(Response(status=204))


@blp.post("/verify-password")
@blp.arguments(PasswordSchema)
@blp.response(200, AccessTokenSchema, headers=COOKIES)
@blp.problems(429, 503)
@requires(Permission.ACCOUNT_READ)
def verify_password(body: dict[str, str]) -> Response:
    """Enter your password again, for a fresh access token of the same session."""
    throttle(PASSWORD, str(caller().id))
    service.require_password(body["password"])
    return answers.fresh_access_token(*service.standing_now())


@blp.get("/sessions")
@blp.arguments(PageSchema, location="query")
@blp.response(200, SessionsSchema, headers=LINK)
@blp.problems(400)
@requires(Permission.ACCOUNT_READ)
def list_sessions(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List the devices that you are signed in on, the latest sign-in first."""
    page = service.live_sessions(query["limit"], query.get("cursor"))
    return page, next_link(page["next_cursor"])


@blp.delete("/sessions/<uuid:session_id>")
@blp.response(204)
@requires(Permission.ACCOUNT_WRITE)
def end_session(session_id: UUID) -> None:
    """Sign a device out."""
    if not service.end_session(session_id, caller().id):
        problem("not_found")
    db.session.commit()


@blp.delete("/sessions")
@blp.arguments(EndSessionsSchema, location="query")
@blp.response(204)
@requires(Permission.ACCOUNT_WRITE)
def end_sessions(query: dict[str, bool]) -> None:
    """Sign all other devices out, and this one too if so asked."""
    service.end_sessions(caller().id, caller().id, besides=[] if query["include_current"] else [caller().session_id])
    db.session.commit()


@me.put("/password")
@me.arguments(PasswordChangeSchema)
@me.response(204)
@me.problems(429, 503)
@requires(Permission.ACCOUNT_WRITE)
def change_password(body: dict[str, str]) -> None:
    """Change your password; all your other devices are signed out."""
    throttle(PASSWORD, str(caller().id))
    service.change_password(body["current_password"], body["new_password"])
    db.session.commit()


def _refresh_cookie() -> str | None:
    """Return the refresh token of the cookie, if the CSRF header goes with it; refused, all cookies are taken back."""
    token = request.cookies.get(cookies.REFRESH)
    if token:
        cookies.require_csrf_of(token)
        after_this_request(cookies.clear_if_refused)
    return token
