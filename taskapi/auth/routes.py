"""/auth: open an account, sign in, refresh, sign out."""

from typing import Any
from uuid import UUID

from flask import Response, after_this_request, g
from sqlalchemy.exc import IntegrityError

from taskapi.api import Blueprint, problem, public
from taskapi.api.errors import Problem
from taskapi.api.openapi import TOKEN_ERRORS
from taskapi.api.openapi_components import BY_REFRESH_COOKIE, RATE_LIMIT_HEADERS, SESSION_END_HEADERS, header_references
from taskapi.auth import answers, service
from taskapi.auth.schemas import (
    FRESH,
    REFRESHED,
    REGISTERED,
    SIGNED_IN,
    SIGNING_IN,
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
from taskapi.resources.pagination import PageSchema, next_link
from taskapi.security import cookies, passwords
from taskapi.security.client_address import client_network
from taskapi.security.cookies import read_device, set_device_cookie
from taskapi.security.guard import authenticate, bearer_token, requires
from taskapi.security.passwords import use_reserved_place
from taskapi.security.rate_limit import (
    LOGIN,
    LOGIN_ADDRESS,
    LOGIN_DEVICE,
    LOGIN_FAILED,
    LOGIN_NAME,
    PASSWORD,
    PASSWORD_ADDRESS,
    REFRESH,
    REGISTER,
    REGISTER_ALL,
    enforce_limit,
    limited,
    refund,
    reject_exceeded,
)
from taskapi.security.rbac import Permission
from taskapi.security.tokens import caller
from taskapi.users.models import User, create_user
from taskapi.users.schemas import AccountSchema

blp = Blueprint("auth", __name__, url_prefix="/api/v1/auth", description="Opening an account and signing in.")
me = Blueprint("password", __name__, url_prefix="/api/v1/me", tag="me")


@blp.post("/register")
@blp.arguments(RegisterSchema, examples=REGISTERED)
@blp.response(
    201,
    AccountSchema,
    headers=("Location",),
    errors=("registration_closed", "username_taken", "too_many_requests", "unavailable"),
)
@public
@limited(REGISTER)
def register(account: dict[str, Any]) -> tuple[User, dict[str, str]]:
    """Open an account.

    The username is lowered, and stays. Passwords have 12 characters or more, any of Unicode, and are not easily
    guessed: 422 says what would help.
    """
    if not settings().registration_enabled:
        problem("registration_closed")
    opened = enforce_limit(REGISTER_ALL)
    try:
        passwords.require_strength(account["password"], service.own_words(**account))
        user = create_user(**account)
        db.session.commit()
    except IntegrityError:
        refund(opened)
        problem("username_taken")
    except Problem:
        refund(opened)
        raise
    return user, {"Location": "/api/v1/me"}


@blp.post("/login")
@blp.arguments(LoginSchema, examples=SIGNING_IN)
@blp.response(
    200,
    TokensSchema,
    headers=("Set-Cookie",),
    examples=SIGNED_IN,
    errors=("invalid_credentials", "too_many_requests", "signing_unavailable", "unavailable"),
)
@public
@limited(LOGIN_ADDRESS, LOGIN_FAILED)
def login(credentials: dict[str, Any]) -> Response:
    """Sign in by name and password.

    The answer brings an access token, for `Authorization: Bearer …`, and a refresh token for when that has expired.
    With `cookies` both come as cookies that scripts cannot read. The values for `X-CSRF-TOKEN` come in the body, for a
    front end on another origin, and in two readable cookies. An unknown name gets the response of a wrong password.

    A device cookie comes with every sign-in. It lets nobody in, but sign-ins from this device then have a limit of
    their own, so that strangers who try the name do not keep its user out.
    """
    name = credentials["username"].lower()
    device = read_device()
    if device and device.belongs_to(name):
        succeeded = enforce_limit(LOGIN, device.id)  # failures have a limit of their own
        failures = [enforce_limit(LOGIN_DEVICE, device.id)]
        use_reserved_place()
    else:
        device = None
        for counted_before in g.counted:
            reject_exceeded(counted_before)
        succeeded = enforce_limit(LOGIN, client_network(), name)
        failures = [enforce_limit(LOGIN_NAME, name)]
    failures += [one for one in g.counted if one.limit == LOGIN_FAILED]
    try:
        with counted(SIGN_INS):
            granted = service.sign_in(name, credentials["password"])
    except Problem as refusal:
        if device:
            refund(succeeded)
        if refusal.code_name == "unavailable":  # no password was checked
            refund(*failures)
        raise
    db.session.commit()
    refund(*failures)
    response = answers.tokens(granted, in_cookies=credentials["cookies"])
    return set_device_cookie(response, name, device)


@blp.post("/refresh")
@blp.doc(security=[{}, BY_REFRESH_COOKIE])
@blp.arguments(RefreshSchema, optional=True, examples=REFRESHED)
@blp.response(
    200,
    TokensSchema,
    headers=("Set-Cookie",),
    examples=SIGNED_IN,
    errors=("invalid_refresh_token", "csrf_failed", "too_many_requests", "signing_unavailable", "unavailable"),
)
@public
@limited(REFRESH)
def refresh(body: dict[str, str]) -> Response:
    """Exchange a refresh token for new tokens; each use spends it.

    The token comes in the body, or in its cookie with the CSRF header. A client whose response was lost sends the same
    token again: for a few seconds it gets the same successor, and the repeat is recorded. Any later use of a spent
    token ends the session, and so does a repeat from another network and another user agent.
    """
    token = body.get("refresh_token") or _refresh_cookie()
    if token is None:
        problem("invalid_refresh_token")
    with counted(REFRESHES):
        granted = service.refresh(token)
    db.session.commit()
    return answers.tokens(granted, in_cookies="refresh_token" not in body)


@blp.post("/logout")
@blp.doc(security=[{}, {"bearer": []}, {"cookie": [], "csrf": []}, BY_REFRESH_COOKIE])
@blp.arguments(RefreshSchema, optional=True, examples=REFRESHED)
@blp.response(
    204, headers=SESSION_END_HEADERS, errors=(*TOKEN_ERRORS, "invalid_refresh_token", "csrf_failed", "unavailable")
)
@public
def logout(body: dict[str, str]) -> Response:
    """Sign out: the session, all its tokens and its cookies are dead at once.

    By a refresh token in the body, by an access token, or by cookies: one will do.
    """
    cookie = None if "refresh_token" in body or bearer_token() else _refresh_cookie()
    token, by_cookie = body.get("refresh_token") or cookie, cookie is not None
    session = service.session_of(token) if token else None
    if token and session is None and not bearer_token():
        problem("invalid_refresh_token")
    if session is None:
        who = authenticate()
        session, by_cookie = (who.session_id, who.id), bool(who.csrf)
    service.end_session(*session)
    db.session.commit()
    answer = Response(status=204)
    return cookies.clear_token_cookies(answer) if by_cookie else answer


@blp.post("/verify-password")
@blp.arguments(PasswordSchema)
@blp.response(
    200,
    AccessTokenSchema,
    headers=("Set-Cookie",),
    examples=FRESH,
    errors=("invalid_credentials", "signing_unavailable"),
)
@requires(Permission.ACCOUNT_READ)
@limited(PASSWORD_ADDRESS)
def verify_password(body: dict[str, str]) -> Response:
    """Enter your password again, for a fresh access token of the same session.

    What can do most harm asks for one: deleting your account, and managing those of others.
    """
    enforce_limit(PASSWORD, str(caller().id))
    service.require_password(body["password"])
    return answers.fresh_access_token(*service.current_subject())


@blp.get("/sessions")
@blp.arguments(PageSchema, location="query")
@blp.response(200, SessionsSchema, headers=("Link",))
@requires(Permission.ACCOUNT_READ)
def list_sessions(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List the devices that you are signed in on, the latest sign-in first."""
    page = service.live_sessions(query["limit"], query.get("cursor"))
    return page, next_link(page["next_cursor"])


@blp.delete("/sessions/<uuid:session_id>")
@blp.response(204, headers=SESSION_END_HEADERS)
@requires(Permission.ACCOUNT_WRITE)
def end_session(session_id: UUID) -> None:
    """Sign a device out."""
    if not service.end_session(session_id, caller().id):
        problem("not_found")
    db.session.commit()
    if session_id == caller().session_id:
        after_this_request(cookies.clear_caller_cookies)


@blp.delete("/sessions")
@blp.arguments(EndSessionsSchema, location="query")
@blp.response(200, TokensSchema, headers=("Set-Cookie",), examples=SIGNED_IN, errors=("signing_unavailable",))
@blp.alt_response(
    204,
    description="With `include_current=true`: the caller is signed out too.",
    headers=header_references("Cache-Control", *RATE_LIMIT_HEADERS, *SESSION_END_HEADERS),
)
@requires(Permission.ACCOUNT_WRITE)
def end_sessions(query: dict[str, bool]) -> Response:
    """End all your sessions, and sign the caller in anew, in the way their token came.

    The current session ends too, so that nobody who shares it stays: use the tokens of the response from now on.
    With `include_current=true` there are none, and the caller is signed out as well.
    """
    if query["include_current"]:
        service.end_sessions(caller().id, caller().id)
        db.session.commit()
        return cookies.clear_caller_cookies(Response(status=204))
    granted = service.replace_sessions()
    db.session.commit()
    return answers.tokens(granted, in_cookies=bool(caller().csrf))


@me.put("/password")
@me.arguments(PasswordChangeSchema)
@me.response(
    200,
    TokensSchema,
    headers=("Set-Cookie",),
    examples=SIGNED_IN,
    errors=("invalid_credentials", "signing_unavailable"),
)
@requires(Permission.ACCOUNT_WRITE)
@limited(PASSWORD_ADDRESS)
def change_password(body: dict[str, str]) -> Response:
    """Change your password. Every session ends, and the caller is signed in anew, in the way their token came.

    The current session ends too, so that nobody who shares it stays: use the tokens of the response from now on.
    """
    enforce_limit(PASSWORD, str(caller().id))
    granted = service.change_password(body["current_password"], body["new_password"])
    db.session.commit()
    return answers.tokens(granted, in_cookies=bool(caller().csrf))


def _refresh_cookie() -> str | None:
    """Return the refresh token of the cookie, if the CSRF header goes with it; refused, all cookies are taken back."""
    token = cookies.read_cookie(cookies.REFRESH)
    if token:
        cookies.require_csrf_of(token)
        after_this_request(cookies.clear_cookies_if_unauthorized)
    return token
