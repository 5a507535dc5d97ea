"""Errors: every error response has the format of RFC 9457, with a code of the catalogue."""

from heapq import nsmallest
from typing import Any, Final, NoReturn

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
MAX_MESSAGES: Final = 100
MAX_NAME_LENGTH: Final = 100
MAX_LISTED_BYTES: Final = 48 * 1024  # of the messages of a 422, so that its body stays under 64 KiB


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


def invalid(place: str, errors: dict[Any, Any], **members: Any) -> NoReturn:
    """Respond 422. `place` is json, query, path, csv or form; `errors` are messages by field, which may be nested.

    At most MAX_MESSAGES messages are listed; `errors_omitted` is the number of the others.
    """
    errors = _replace_surrogates(errors)
    fields = (name for name in errors if isinstance(name, str) and name != "_schema")
    names = [shorten(name) for name in nsmallest(6, fields)]  # marshmallow reports unknown fields in no order
    named = f": {', '.join(names[:5])}{', …' * (len(names) > 5)}." if names else "."
    detail = CATALOGUE["validation_failed"].detail.removesuffix(".") + named
    listing = _Listing()
    listed = listing.copy(errors)
    if listing.omitted:
        members["errors_omitted"] = listing.omitted
    problem("validation_failed", detail, errors={place: listed}, **members)


def shorten(text: str) -> str:
    """Return `text` with at most MAX_NAME_LENGTH characters and an ellipsis."""
    return text if len(text) <= MAX_NAME_LENGTH else f"{text[:MAX_NAME_LENGTH]}…"


def init_errors(app: Flask) -> None:
    """Register the error handlers. Call it after flask-smorest, whose handler it replaces."""
    app.register_error_handler(HTTPException, _respond_to_http_exception)
    app.register_error_handler(Exception, respond_to_unexpected_error)


def _respond_to_http_exception(error: HTTPException) -> Any:
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


class _Listing:
    """Copies messages until their number or size is too large for a response, and counts the others."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self.omitted = 0

    def copy(self, errors: Any) -> Any:
        """Return the part of `errors` (messages by field, nested) that is listed; None if no message is."""
        if isinstance(errors, dict):
            return self._copy_fields(errors)
        if isinstance(errors, list):
            return [listed for each in errors if (listed := self.copy(each)) is not None] or None
        size = len(json.dumps(errors).encode())
        if self.messages >= MAX_MESSAGES or self.bytes + size > MAX_LISTED_BYTES:
            self.omitted += 1
            return None
        self.messages += 1
        self.bytes += size
        return errors

    def _copy_fields(self, errors: dict[Any, Any]) -> dict[Any, Any] | None:
        listed = {}
        for name, messages in errors.items():
            short = shorten(name) if isinstance(name, str) else name
            size = len(json.dumps(str(short)).encode())
            self.bytes += size
            if (copied := self.copy(messages)) is None:
                self.bytes -= size
            else:
                listed[short] = copied
        return listed or None


def _replace_surrogates(value: Any) -> Any:
    """Return `value` with `?` for lone surrogates, which names of unknown fields may have and JSON cannot contain."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_replace_surrogates(key): _replace_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_replace_surrogates(item) for item in value]
    return value
