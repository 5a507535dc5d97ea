"""Errors: every error response has the format of RFC 9457, with a code of the catalogue."""

from typing import Any, NoReturn

from flask import Flask, Response, current_app, g, json
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.http import HTTP_STATUS_CODES

from taskapi.api.error_catalogue import BY_STATUS, CATALOGUE
from taskapi.context import current_request

MEDIA_TYPE = "application/problem+json"
# PostgreSQL raises these before a migration (no such table or column) and during a failover (read-only transaction).
# Its other errors of this kind are OperationalErrors
NOT_READY_STATES = {"42P01", "42703", "25006"}


class Problem(HTTPException):
    """An error of the catalogue. Raise it with `problem`."""

    def __init__(
        self,
        code_name: str,
        detail: str | None = None,
        members: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        entry = CATALOGUE[code_name]
        super().__init__(detail or entry.detail)
        self.code = entry.status
        self.code_name = code_name
        self.members = members or {}
        self.headers = {**entry.headers, **(headers or {})}

    def get_response(self, environ: Any = None, scope: Any = None) -> Response:
        """Return the error response."""
        body = {
            "type": f"{current_request().script_root}/problems/{self.code_name}",
            "title": HTTP_STATUS_CODES[self.code or 500],
            "status": self.code,
            "detail": self.description,
            "code": self.code_name,
            "request_id": g.get("request_id"),
            **self.members,
        }
        return Response(json.dumps(body), self.code, self.headers, content_type=MEDIA_TYPE)


def problem(
    code_name: str, detail: str | None = None, *, headers: dict[str, str] | None = None, **members: Any
) -> NoReturn:
    """Respond with an error of the catalogue; `members` are added to its body. Raises Problem."""
    raise Problem(code_name, detail, members, headers)


def init_errors(app: Flask) -> None:
    """Register the error handlers. Call it after flask-smorest, whose handler it replaces."""
    app.register_error_handler(HTTPException, _respond_to_http_exception)
    app.register_error_handler(Exception, respond_to_unexpected_error)


def _respond_to_http_exception(error: HTTPException) -> Any:
    if isinstance(error, Problem):
        return error.get_response()
    if error.code is None or error.code < 400:
        return error  # a redirect
    headers = {"Allow": ", ".join(sorted(error.valid_methods or ()))} if isinstance(error, MethodNotAllowed) else {}
    code_name = BY_STATUS.get(error.code, "malformed_request" if error.code < 500 else "internal_error")
    return Problem(code_name, headers=headers).get_response()


def respond_to_unexpected_error(error: Exception) -> Response:
    """Respond 503 if the database is unavailable, and 500 to any other error. Log the cause."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeoutError) or (
        isinstance(error, DBAPIError)
        and (error.connection_invalidated or getattr(error.orig, "sqlstate", None) in NOT_READY_STATES)
    ):
        cause = " ".join(str(getattr(error, "orig", error)).split())
        current_app.logger.warning("the database is unavailable: %s", cause)
        return Problem("unavailable").get_response()
    current_app.logger.error("request %s failed", g.get("request_id"), exc_info=error)
    return Problem("internal_error").get_response()
