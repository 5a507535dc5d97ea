"""/auth: register, sign in, refresh, sign out, and manage sessions; /me/password."""

import secrets
from typing import Any
from uuid import UUID

from flask import Response, after_this_request, g
from sqlalchemy.exc import IntegrityError

from taskapi.api import Blueprint, problem, public
from taskapi.api.errors import Problem
from taskapi.api.openapi import TOKEN_ERRORS
from taskapi.api.openapi_components import BY_REFRESH_COOKIE, RATE_LIMIT_HEADERS, SESSION_END_HEADERS, header_references
from taskapi.api.responses import to_json
from taskapi.auth import schemas, service, sessions
from taskapi.auth.refresh import refresh_session
from taskapi.config import settings
from taskapi.database import db, now
from taskapi.ops.metrics import REFRESHES, SIGN_INS, counted
from taskapi.resources.pagination import PageSchema, next_link
from taskapi.security import cookies, passwords, rate_limit
from taskapi.security.client_address import client_network
from taskapi.security.guard import authenticate, bearer_token, requires
from taskapi.security.passwords import uses_password_queue
from taskapi.security.rate_limit import enforce_limit, limited, refund, reject_exceeded
from taskapi.security.rbac import Permission
from taskapi.security.tokens import TokenSubject, caller, issue_token
from taskapi.users.models import User, create_user
from taskapi.users.schemas import AccountSchema

CSRF_BYTES = 24

blp = Blueprint("auth", __name__, url_prefix="/api/v1/auth", description="Registration, sign-in and sessions.")
me = Blueprint("password", __name__, url_prefix="/api/v1/me", tag="me")


@blp.post("/register")
@blp.arguments(schemas.RegisterSchema, examples=schemas.REGISTER_EXAMPLES)
@blp.response(
    201,
    AccountSchema,
    headers=("Location",),
    errors=("registration_closed", "username_taken", "too_many_requests", "unavailable"),
)
@public
@limited(rate_limit.REGISTER)
@uses_password_queue
def register(account: dict[str, Any]) -> tuple[User, dict[str, str]]:
    """Create an account.

    The username is converted to lower case and cannot be changed later. A password has 12 to 128 Unicode characters by
    default and must not be easily guessed; a 422 contains advice.
    """
    if not settings().registration_enabled:
        problem("registration_closed")
    usage = enforce_limit(rate_limit.REGISTER_ALL)
    try:
        passwords.require_strength(account["password"], passwords.own_words(**account))
        user = create_user(**account)
        db.session.commit()
    except IntegrityError:
        refund(usage)
        problem("username_taken")
    except Problem:
        refund(usage)
        raise
    return user, {"Location": "/api/v1/me"}


@blp.post("/login")
@blp.arguments(schemas.LoginSchema, examples=schemas.LOGIN_EXAMPLES)
@blp.response(
    200,
    schemas.TokensSchema,
    headers=("Set-Cookie",),
    examples=schemas.TOKENS_EXAMPLES,
    errors=("invalid_credentials", "too_many_requests", "signing_unavailable", "unavailable"),
)
@public
@limited(rate_limit.LOGIN_ADDRESS, rate_limit.LOGIN_FAILED)
@uses_password_queue
def login(credentials: dict[str, Any]) -> Response:
    """Sign in with username and password.

    The response contains an access token for `Authorization: Bearer …`, and a refresh token to get the next one. With
    `cookies: true` both are in cookies that scripts cannot read. The values for `X-CSRF-TOKEN` are then in the body,
    for a front end on another origin, and in two readable cookies. An unknown username gets the same response as a
    wrong password.

    Every sign-in sets a device cookie. It is not a credential, but sign-ins from this device have their own rate limit,
    so that failed sign-ins of strangers do not block the user.
    """
    name = credentials["username"].lower()
    device = cookies.read_device()
    if device and device.belongs_to(name):
        success_usage = enforce_limit(rate_limit.LOGIN, device.id)  # failures have their own limit
        failure_usages = [enforce_limit(rate_limit.LOGIN_DEVICE, device.id)]
        passwords.use_reserved_place()
    else:
        device = None
        for usage in g.counted:
            reject_exceeded(usage)
        success_usage = enforce_limit(rate_limit.LOGIN, client_network(), name)
        failure_usages = [enforce_limit(rate_limit.LOGIN_NAME, name)]
    failure_usages += [usage for usage in g.counted if usage.limit == rate_limit.LOGIN_FAILED]
    try:
        with counted(SIGN_INS):
            grant = service.sign_in(name, credentials["password"])
    except Problem as error:
        if error.code_name != "invalid_credentials":  # the password is right, or was not checked
            refund(*failure_usages)
        if device and error.code_name in {"invalid_credentials", "unavailable"}:
            refund(success_usage)
        raise
    db.session.commit()
    refund(*failure_usages)
    response = tokens_response(grant, in_cookies=credentials["cookies"])
    return cookies.set_device_cookie(response, name, device)


@blp.post("/refresh")
@blp.doc(security=[{}, BY_REFRESH_COOKIE])
@blp.arguments(schemas.RefreshSchema, optional=True, examples=schemas.REFRESH_EXAMPLES)
@blp.response(
    200,
    schemas.TokensSchema,
    headers=("Set-Cookie",),
    examples=schemas.TOKENS_EXAMPLES,
    errors=("invalid_refresh_token", "csrf_failed", "too_many_requests", "signing_unavailable", "unavailable"),
)
@public
@limited(rate_limit.REFRESH)
def refresh(body: dict[str, str]) -> Response:
    """Exchange a refresh token for new tokens. A refresh token can be used once.

    Send it in the body, or in its cookie with the CSRF header. A client whose response was lost may send the same token
    again: for a few seconds it gets the same new refresh token, and the repeat is recorded. Any later use of a spent
    token ends the session, and so does a repeat from another network and another user agent.
    """
    token = body.get("refresh_token") or _read_refresh_cookie()
    if token is None:
        problem("invalid_refresh_token")
    with counted(REFRESHES):
        grant = refresh_session(token)
    db.session.commit()
    return tokens_response(grant, in_cookies="refresh_token" not in body)


@blp.post("/logout")
@blp.doc(security=[{}, {"bearer": []}, {"cookie": [], "csrf": []}, BY_REFRESH_COOKIE])
@blp.arguments(schemas.RefreshSchema, optional=True, examples=schemas.REFRESH_EXAMPLES)
@blp.response(
    204, headers=SESSION_END_HEADERS, errors=(*TOKEN_ERRORS, "invalid_refresh_token", "csrf_failed", "unavailable")
)
@public
def logout(body: dict[str, str]) -> Response:
    """Sign out: end the session, revoke its tokens and delete its cookies.

    Send a refresh token in the body, an access token, or the cookies.
    """
    cookie = None if "refresh_token" in body or bearer_token() else _read_refresh_cookie()
    token, by_cookie = body.get("refresh_token") or cookie, cookie is not None
    session = sessions.find_session(token) if token else None
    if token and session is None and not bearer_token():
        problem("invalid_refresh_token")
    if session is None:
        authenticated = authenticate()
        session, by_cookie = (authenticated.session_id, authenticated.id), bool(authenticated.csrf)
    sessions.end_session(*session)
    db.session.commit()
    response = Response(status=204)
    return cookies.clear_token_cookies(response) if by_cookie else response


@blp.post("/verify-password")
@blp.arguments(schemas.PasswordSchema)
@blp.response(
    200,
    schemas.AccessTokenSchema,
    headers=("Set-Cookie",),
    examples=schemas.ACCESS_TOKEN_EXAMPLES,
    errors=("invalid_credentials", "signing_unavailable"),
)
@requires(Permission.ACCOUNT_READ)
@limited(rate_limit.PASSWORD_ADDRESS)
@uses_password_queue
def verify_password(body: dict[str, str]) -> Response:
    """Enter your password again, and get a fresh access token for the same session.

    Deleting your account and managing other accounts require a fresh token.
    """
    enforce_limit(rate_limit.PASSWORD, str(caller().id))
    service.require_password(body["password"])
    return _fresh_token_response(*service.current_subject())


@blp.get("/sessions")
@blp.arguments(PageSchema, location="query")
@blp.response(200, schemas.SessionPageSchema, headers=("Link",))
@requires(Permission.ACCOUNT_READ)
def list_sessions(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List your sessions, the latest sign-in first."""
    page = sessions.list_sessions(query["limit"], query.get("cursor"))
    return page, next_link(page["next_cursor"])


@blp.delete("/sessions/<uuid:session_id>")
@blp.response(204, headers=SESSION_END_HEADERS)
@requires(Permission.ACCOUNT_WRITE)
def end_session(session_id: UUID) -> None:
    """End a session."""
    if not sessions.end_session(session_id, caller().id):
        problem("not_found")
    db.session.commit()
    if session_id == caller().session_id:
        after_this_request(cookies.clear_caller_cookies)


@blp.delete("/sessions")
@blp.arguments(schemas.EndSessionPageSchema, location="query")
@blp.response(
    200,
    schemas.TokensSchema,
    headers=("Set-Cookie",),
    examples=schemas.TOKENS_EXAMPLES,
    errors=("signing_unavailable",),
)
@blp.alt_response(
    204,
    description="With `include_current=true`: the caller is signed out too.",
    headers=header_references("Cache-Control", *RATE_LIMIT_HEADERS, *SESSION_END_HEADERS),
)
@requires(Permission.ACCOUNT_WRITE)
def end_sessions(query: dict[str, bool]) -> Response:
    """End all your sessions, and get a new one.

    The current session ends too, so that nobody else can use it. Use the tokens of the response from now on. They
    are in cookies if the token of the request was. With `include_current=true` you get no new session.
    """
    if query["include_current"]:
        sessions.end_sessions(caller().id, caller().id)
        db.session.commit()
        return cookies.clear_caller_cookies(Response(status=204))
    grant = sessions.replace_sessions()
    db.session.commit()
    return tokens_response(grant, in_cookies=bool(caller().csrf))


@me.put("/password")
@me.arguments(schemas.PasswordChangeSchema)
@me.response(
    200,
    schemas.TokensSchema,
    headers=("Set-Cookie",),
    examples=schemas.TOKENS_EXAMPLES,
    errors=("invalid_credentials", "signing_unavailable"),
)
@requires(Permission.ACCOUNT_WRITE)
@limited(rate_limit.PASSWORD_ADDRESS)
@uses_password_queue
def change_password(body: dict[str, str]) -> Response:
    """Change your password, end all your sessions, and get a new one.

    The current session ends too, so that nobody else can use it. Use the tokens of the response from now on. They
    are in cookies if the token of the request was.
    """
    enforce_limit(rate_limit.PASSWORD, str(caller().id))
    grant = service.change_password(body["current_password"], body["new_password"])
    db.session.commit()
    return tokens_response(grant, in_cookies=bool(caller().csrf))


def tokens_response(grant: sessions.Grant, *, in_cookies: bool, **members: Any) -> Response:
    """Return the tokens of a sign-in or a refresh, in the body or in cookies. `members` are added to the body."""
    csrf = secrets.token_urlsafe(CSRF_BYTES) if in_cookies else None
    access = issue_token(grant.subject, grant.session_id, fresh=grant.fresh, csrf=csrf)
    life = round((grant.refresh_expires_at - now()).total_seconds())
    body = {"expires_in": settings().access_token_seconds, "refresh_expires_in": life, "session_id": grant.session_id}
    body |= members
    if csrf is None:
        return _json({"access_token": access, "token_type": "Bearer", "refresh_token": grant.refresh_token, **body})
    readable = {cookies.CSRF_ACCESS: csrf, cookies.CSRF_REFRESH: cookies.csrf_of(grant.refresh_token)}
    values = {cookies.ACCESS: access, cookies.REFRESH: grant.refresh_token, **readable}
    return cookies.set_token_cookies(_json({"token_type": "Cookie", **body, **readable}), values, life)


def _fresh_token_response(subject: TokenSubject, life: int) -> Response:
    """Return a fresh access token, in a cookie if the caller's token was in one."""
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


def _read_refresh_cookie() -> str | None:
    """Return the refresh token of the cookie, after checking its CSRF value. A 401 deletes the cookies."""
    token = cookies.read_cookie(cookies.REFRESH)
    if token:
        cookies.require_csrf_of(token)
        after_this_request(cookies.clear_cookies_if_unauthorized)
    return token
