"""The guard: authenticates and authorizes each request by the declaration of its view, before the body is read.

It rejects every request to a view without a declaration.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from flask import Flask, Response, g, request
from sqlalchemy.exc import IntegrityError, NoResultFound

from taskapi.api import problem
from taskapi.api.blueprint import PUBLIC, declaration
from taskapi.api.errors import Problem, respond_to_unexpected_error
from taskapi.config import settings
from taskapi.context import current_application, current_g, current_request
from taskapi.database import set_rls_user
from taskapi.security.cookies import ACCESS, SAFE_METHODS, read_cookie, read_device, require_csrf
from taskapi.security.denylist import is_revoked
from taskapi.security.rate_limit import USER, Limit, ParallelRequests, count_by_address, enforce_limit, reject_exceeded
from taskapi.security.rbac import Permission, roles_with
from taskapi.security.tokens import Caller, verify_token

View = TypeVar("View", bound=Callable[..., Any])


class Access(NamedTuple):
    """The permission that a view requires, whether it requires a fresh token, and the roles that grant it."""

    permission: Permission
    fresh: bool
    roles: tuple[str, ...]


def requires(permission: Permission, *, fresh: bool = False) -> Callable[[View], View]:
    """Declare that a view requires a permission, and with `fresh` a token from a recent password entry."""

    def decorate(view: View) -> View:
        declaration(view).access = Access(permission, fresh, roles_with(permission))
        return view

    return decorate


def authorize_request() -> None:
    """Let the request pass, or respond 401, 403 or 429."""
    request = current_request()
    if request.endpoint is None or request.method == "OPTIONS":
        return  # no view runs: the response is 404, 405, or the allowed methods
    declared = declaration(current_application().view_functions[request.endpoint])
    access, limits = declared.access, declared.limits
    if access == PUBLIC:
        count_request(limits)
        return
    if access is None:
        problem("access_undeclared")
    current_g().caller = caller = authenticate()
    set_rls_user(caller.id)
    enforce_limit(USER, caller.sub)
    count_in(caller.id)
    count_request(limits)
    if not any(role in access.roles for role in caller.roles):
        problem(
            "permission_denied",
            f"Your role does not grant {access.permission}.",
            permission=access.permission,
        )
    if access.fresh and not caller.fresh:
        age = settings().access_token_seconds  # a fresh token is as old as the password entry
        challenge = f'Bearer error="insufficient_user_authentication", max_age="{age}"'
        problem("fresh_token_required", headers={"WWW-Authenticate": challenge})


def count_in(user_id: UUID) -> None:
    """Count a running request of a user, or respond 429."""
    if settings().ratelimit_enabled:
        requests: ParallelRequests = current_application().extensions["taskapi-requests"]
        current_g().counted_in = (user_id, requests.start(user_id))


def count_out(_error: BaseException | None) -> None:
    """Count the end of the request, if `count_in` counted its start."""
    if counted := current_g().pop("counted_in", None):
        current_application().extensions["taskapi-requests"].stop(*counted)


def count_request(limits: tuple[Limit, ...]) -> None:
    """Count a request by its address, or respond 429.

    A sign-in with a device cookie passes: only the body tells whether the cookie belongs to the username.
    """
    g.counted = counted = [usage for limit in limits if (usage := count_by_address(limit)) is not None]
    if counted and not (limits[0].spares_devices and read_device()):
        for usage in counted:
            reject_exceeded(usage)


def authenticate() -> Caller:
    """Return the caller, or respond 401, 403 (a cookie without its CSRF value) or 503.

    The token is that of the Authorization header (RFC 6750, section 2.1), or else that of the cookie.
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
    """Return the token of the Authorization header, or None."""
    scheme, _, token = current_request().headers.get("Authorization", "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def respond_to_database_error(error: Exception) -> Response:
    """Respond 401 if a request failed because its caller's account was deleted while it ran, otherwise 500."""
    try:
        is_deleted = "caller" in g and is_revoked(g.caller)
    except Problem as unavailable:
        return unavailable.get_response()
    if is_deleted:
        return Problem("token_revoked").get_response()
    return error.get_response() if isinstance(error, Problem) else respond_to_unexpected_error(error)


def respond_to_problem(problem: Problem) -> Response:
    """Respond with a problem; a 404 becomes 401 if the caller's account was deleted while the request ran."""
    return respond_to_database_error(problem) if problem.code_name == "not_found" else problem.get_response()


def init_guard(app: Flask) -> None:
    """Run the guard before every view."""
    app.extensions["taskapi-requests"] = ParallelRequests(app.config["SETTINGS"].max_parallel_requests)
    app.before_request(authorize_request)
    app.teardown_request(count_out)
    for kind in (NoResultFound, IntegrityError):
        app.register_error_handler(kind, respond_to_database_error)
    app.register_error_handler(Problem, respond_to_problem)
