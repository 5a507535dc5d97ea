"""The guard: authenticates and authorizes each request by the declaration of its view, before the body is read.

It rejects every request to a view without a declaration.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from flask import Flask, g, request
from sqlalchemy.exc import IntegrityError, NoResultFound

from taskapi.api import problem
from taskapi.api.blueprint import PUBLIC, Declaration, declaration
from taskapi.api.openapi_components import PermissionChoice
from taskapi.api.parsing import check_query, has_body, read_body
from taskapi.config import settings
from taskapi.context import current_application, current_g, current_request
from taskapi.database import set_rls_user
from taskapi.security.cookies import ACCESS, SAFE_METHODS, read_cookie, read_device, require_csrf
from taskapi.security.deleted_users import respond_to_database_error
from taskapi.security.passwords import password_queue
from taskapi.security.rate_limit import (
    USER,
    Kind,
    Limit,
    ParallelRequests,
    count_by_address,
    enforce_limit,
    reject_exceeded,
    slow_requests,
)
from taskapi.security.rbac import Permission, roles_with
from taskapi.security.tokens import Caller, is_revoked, verify_token

View = TypeVar("View", bound=Callable[..., Any])

PermissionChoice.values.extend(Permission)
ACCESS_CHECKS = "taskapi-access-checks"  # of an application: functions of the caller that may reject a request
OTHER_TOKENS: dict[str, Callable[[str], Caller]] = {}  # of extensions: functions by the first 4 characters


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


def check_request() -> None:
    """Let the request pass to its view, or respond 400, 401, 403, 413, 422, 429 or 503."""
    request = current_request()
    if request.endpoint is None or request.method == "OPTIONS":
        return  # no view runs: the response is 404, 405, or the allowed methods
    declared = declaration(current_application().view_functions[request.endpoint])
    if declared.uses_password_queue:  # checked again when the request enters the queue
        password_queue().require_place(reserved=read_device() is not None)
    user_id = None if declared.access == PUBLIC else authorize(declared.access).id
    if declared.limits:
        count_request(declared.limits)
    start_request(user_id, declared)
    check_query(accepted=declared.accepts_query)


def authorize(access: Access | None) -> Caller:
    """Return the caller of a request if it may run, or respond 401, 403, 429 or 503."""
    if access is None:
        problem("access_undeclared")
    current_g().caller = caller = authenticate()
    set_rls_user(caller.id)
    enforce_limit(USER, caller.sub)
    for check in current_application().extensions.get(ACCESS_CHECKS, ()):
        check(caller)
    if set(access.roles).isdisjoint(caller.roles):
        problem("permission_denied", f"Your role does not grant {access.permission}.", permission=access.permission)
    if access.fresh and not caller.fresh:
        age = settings().access_token_seconds  # a fresh token is as old as the password entry
        challenge = f'Bearer error="insufficient_user_authentication", max_age="{age}"'
        problem("fresh_token_required", headers={"WWW-Authenticate": challenge})
    return caller


def start_request(user_id: UUID | None, declared: Declaration) -> None:
    """Count the request among the running ones, and read its body; or respond 400, 413, 429 or 503."""
    writes = current_request().method not in SAFE_METHODS
    current_g().running = running = ExitStack()
    if user_id and settings().ratelimit_enabled:
        requests: ParallelRequests = current_application().extensions["taskapi-requests"]
        running.callback(requests.start(user_id, writes=writes))
    if writes and has_body(current_request().environ) and not declared.streams_body:
        with slow_requests().hold(Kind.BODY):  # slow senders take no place from other changes
            read_body()
    if user_id and declared.concurrency:
        running.enter_context(declared.concurrency.hold(user_id))
    if writes and not declared.uses_password_queue:
        running.enter_context(slow_requests().hold(Kind.WRITE))


def end_request(_error: BaseException | None) -> None:
    """Count the end of the request, if `start_request` counted its start."""
    if running := current_g().pop("running", None):
        running.close()


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
    if token and (authenticate_other := OTHER_TOKENS.get(token[:4])):
        return authenticate_other(token)
    cookie = None if token else read_cookie(ACCESS)
    caller = verify_token(token or cookie or problem("token_missing"))
    if cookie and request.method not in SAFE_METHODS:
        require_csrf(caller.csrf)
    if is_revoked(caller):
        problem("token_revoked")
    return caller


def bearer_token() -> str | None:
    """Return the token of the Authorization header, or None."""
    scheme, _, token = current_request().environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def init_guard(app: Flask) -> None:
    """Run the guard before every view."""
    app.before_request(check_request)
    app.teardown_request(end_request)
    for kind in (NoResultFound, IntegrityError):
        app.register_error_handler(kind, respond_to_database_error)
