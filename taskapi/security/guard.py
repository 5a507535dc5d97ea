"""The guard: a view says who may use it, and nobody uses one that says nothing."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from flask import Flask, Response, g, request
from sqlalchemy.exc import IntegrityError, NoResultFound

from taskapi.api import problem
from taskapi.api.blueprint import PUBLIC, declaration
from taskapi.api.concurrency import ConcurrencyLimit
from taskapi.api.errors import Problem, respond_to_unexpected_error
from taskapi.config import settings
from taskapi.context import current_application, current_g, current_request
from taskapi.database import set_rls_user
from taskapi.security.cookies import ACCESS, SAFE_METHODS, read_cookie, read_device, require_csrf
from taskapi.security.denylist import is_revoked
from taskapi.security.rate_limit import USER, Limit, count_by_address, enforce_limit, reject_exceeded
from taskapi.security.rbac import Permission, grants, roles_with
from taskapi.security.tokens import Caller, verify_token

View = TypeVar("View", bound=Callable[..., Any])


class Access(NamedTuple):
    """What a view asks of its caller."""

    permission: Permission
    fresh: bool = False

    @property
    def roles(self) -> list[str]:
        """Return the roles that grant the permission."""
        return roles_with(self.permission)


def requires(permission: Permission, *, fresh: bool = False) -> Callable[[View], View]:
    """Open a view to the roles that grant `permission`; `fresh` asks for a recent password entry besides."""

    def decorate(view: View) -> View:
        declaration(view).access = Access(permission, fresh)
        return view

    return decorate


def admit() -> None:
    """Let the request through to its view, or answer 401 or 403 before it is read."""
    request = current_request()
    if request.endpoint is None or request.method == "OPTIONS":
        return  # nothing there: the answer is 404 or 405, or what methods there are
    declared = declaration(current_application().view_functions[request.endpoint])
    access, limits = declared.access, declared.limits
    if access == PUBLIC:
        count_request(limits)
        return
    if access is None:
        problem("access_undeclared")
    current_g().caller = who = authenticate()
    set_rls_user(who.id)
    enforce_limit(USER, who.sub)
    count_request(limits)
    if not grants(who.roles, access.permission):
        problem(
            "permission_denied",
            f"Your role does not grant {access.permission}.",
            permission=access.permission,
        )
    if access.fresh and not who.fresh:
        age = settings().access_token_seconds  # a fresh token is as old as the password entry
        challenge = f'Bearer error="insufficient_user_authentication", max_age="{age}"'
        problem("fresh_token_required", headers={"WWW-Authenticate": challenge})
    if request.method not in SAFE_METHODS:
        count_write(who.id)


def count_write(user_id: UUID) -> None:
    """Count a write of a user while it runs. Writers of one user wait for each other, each with a thread."""
    if settings().ratelimit_enabled:
        current_application().extensions["taskapi-writes"].start(user_id)
        current_g().counted_write = user_id


def _end_write(_error: BaseException | None) -> None:
    if (user_id := current_g().pop("counted_write", None)) is not None:
        current_application().extensions["taskapi-writes"].stop(user_id)


def count_request(limits: tuple[Limit, ...]) -> None:
    """Count a request by its address, or answer 429 before the body is read.

    A sign-in with a device cookie is let through to its view: only the body tells whether the cookie fits the name.
    """
    g.counted = counted = [one for limit in limits if (one := count_by_address(limit)) is not None]
    if counted and not (limits[0].spares_devices and read_device()):
        for one in counted:
            reject_exceeded(one)


def authenticate() -> Caller:
    """Return whom the request's token speaks for, or answer 401, 403 (a cookie without its CSRF value) or 503.

    The Authorization header (RFC 6750, section 2.1) decides where there is one; else the cookie.
    """
    token = bearer_token()
    cookie = None if token else read_cookie(ACCESS)
    if not (token or cookie):
        problem("token_missing")
    caller = verify_token(token or cookie or "")
    if cookie and request.method not in SAFE_METHODS:
        require_csrf(caller.csrf)
    if is_revoked(caller):
        problem("token_revoked")
    return caller


def bearer_token() -> str | None:
    """Return the token of the Authorization header, if there is one."""
    scheme, _, token = current_request().headers.get("Authorization", "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def excuse(error: Exception) -> Response:
    """Answer 401 where a request failed because its caller's account was deleted while it ran."""
    try:
        gone = "caller" in g and is_revoked(g.caller)
    except Problem as unavailable:
        return unavailable.get_response()
    if gone:
        return Problem("token_revoked").get_response()
    return error.get_response() if isinstance(error, Problem) else respond_to_unexpected_error(error)


def excuse_not_found(problem: Problem) -> Response:
    """Answer so as well where it is the caller's own account that was not found."""
    return excuse(problem) if problem.code_name == "not_found" else problem.get_response()


def init_guard(app: Flask) -> None:
    """Put the guard before every view."""
    most: int = app.config["SETTINGS"].max_user_writes
    app.extensions["taskapi-writes"] = ConcurrencyLimit("writes", per_user=most)
    app.before_request(admit)
    app.teardown_request(_end_write)
    for kind in (NoResultFound, IntegrityError):
        app.register_error_handler(kind, excuse)
    app.register_error_handler(Problem, excuse_not_found)
