"""Errors: one shape (RFC 9457), one way out."""

from typing import Any, NoReturn

from flask import Blueprint, Flask, Response, current_app, g
from markupsafe import Markup, escape
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.http import HTTP_STATUS_CODES

from taskapi.api.catalogue import BY_STATUS, CATALOGUE
from taskapi.api.encoding import to_json

MEDIA_TYPE = "application/problem+json"

pages = Blueprint("problems", __name__)


class Problem(HTTPException):
    """An answer that is an error, ready to be sent."""

    def __init__(self, code_name: str, detail: str | None, members: dict[str, Any], headers: dict[str, str]) -> None:
        entry = CATALOGUE[code_name]
        self.code = entry.status
        self.code_name = code_name
        super().__init__(detail or entry.detail)
        self.members = members
        self.headers = {**entry.headers, **headers}

    def answer(self) -> Response:
        """Return the response that says it."""
        body = {
            "type": f"/problems/{self.code_name}",
            "title": HTTP_STATUS_CODES[self.code or 500],
            "status": self.code,
            "detail": self.description,
            "code": self.code_name,
            "request_id": g.get("request_id"),
            **self.members,
        }
        return Response(_dump(body), self.code, self.headers, content_type=MEDIA_TYPE)


def problem(
    code_name: str, detail: str | None = None, *, headers: dict[str, str] | None = None, **members: Any
) -> NoReturn:
    """Answer with an error of the catalogue; `members` are added to its body. Raises Problem."""
    raise Problem(code_name, detail, members, headers or {})


def invalid(place: str, errors: dict[Any, Any]) -> NoReturn:
    """Answer 422: `place` is json, query or path; `errors` maps its fields to their messages."""
    problem("validation_failed", errors={place: errors})


def init_problems(app: Flask) -> None:
    """Make every error of the application leave in the one shape."""
    app.register_blueprint(pages)
    app.register_error_handler(HTTPException, _say)
    app.register_error_handler(Exception, say_unexpected)


def _say(error: HTTPException) -> Any:
    if isinstance(error, Problem):
        return error.answer()
    if error.code is None or error.code < 400:
        return error  # a redirect
    headers = {"Allow": ", ".join(sorted(error.valid_methods or ()))} if isinstance(error, MethodNotAllowed) else {}
    code_name = BY_STATUS.get(error.code, "malformed_request" if error.code < 500 else "internal_error")
    return Problem(code_name, None, {}, headers).answer()


def say_unexpected(error: Exception) -> Response:
    """Answer 503 where the database did not, and 500 for a fault of ours; the log tells which and why."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeoutError) or (
        isinstance(error, DBAPIError) and (error.connection_invalidated or _is_not_ready(error))
    ):
        why = " ".join(str(getattr(error, "orig", error)).split())
        current_app.logger.warning("the database did not answer: %s", why)
        return Problem("unavailable", None, {}, {}).answer()
    current_app.logger.error("request %s failed", g.get("request_id"), exc_info=error)
    return Problem("internal_error", None, {}, {}).answer()


def _is_not_ready(error: DBAPIError) -> bool:
    """Tell whether PostgreSQL misses a table or column, as before it is migrated, or only reads, as before a failover.

    Its other states of that kind are an OperationalError by themselves.
    """
    return getattr(error.orig, "sqlstate", None) in {"42P01", "42703", "25006"}


def _dump(body: dict[str, Any]) -> bytes:
    """Return JSON, even of text that is no Unicode: a client's own field names come back in `errors`."""
    try:
        return to_json(body)
    except TypeError:
        return to_json(_readable(body))


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_readable(key): _readable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return value


@pages.get("/problems/<code_name>")
def show_problem(code_name: str) -> Response:
    """Explain one kind of error."""
    entry = CATALOGUE.get(code_name)
    if entry is None:
        raise NotFound
    title = f"{entry.status} {HTTP_STATUS_CODES[entry.status]}"
    page = Markup(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>{code}</title>'
        "<h1>{code}</h1><p>{title}: {detail}</p><p>{advice}</p></html>"
    ).format(code=escape(code_name), title=title, detail=entry.detail, advice=entry.advice)
    response = Response(page, content_type="text/html; charset=utf-8")
    response.cache_control.public = True
    response.cache_control.max_age = 3600
    return response


show_problem.access = "public"  # type: ignore[attr-defined]
