"""Errors: one shape (RFC 9457), one way out."""

from heapq import nsmallest
from typing import Any, NoReturn

from flask import Blueprint, Flask, Response, current_app, g
from markupsafe import Markup, escape
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.http import HTTP_STATUS_CODES

from taskapi.api.encoding import to_json
from taskapi.api.error_catalogue import BY_STATUS, CATALOGUE
from taskapi.context import current_request

MEDIA_TYPE = "application/problem+json"
MAX_MESSAGES = 100
MAX_NAME_LENGTH = 100
MAX_LISTED_BYTES = 48 * 1024  # of `errors`, so that the whole body stays under 64 KiB

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
            "type": f"{current_request().script_root}/problems/{self.code_name}",
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


def invalid(place: str, errors: dict[Any, Any], **members: Any) -> NoReturn:
    """Answer 422: `place` is json, query, path, csv or form; `errors` maps its fields to their messages.

    At most MAX_MESSAGES messages are listed; `errors_omitted` counts the others.
    """
    fields = (name for name in errors if isinstance(name, str) and name != "_schema")
    names = [shortened(name) for name in nsmallest(6, fields)]  # marshmallow reports unknown fields in no order
    named = f": {', '.join(names[:5])}{', …' * (len(names) > 5)}." if names else "."
    detail = CATALOGUE["validation_failed"].detail.removesuffix(".") + named
    listing = _Listing()
    listed = listing.copy(errors)
    if listing.omitted:
        members["errors_omitted"] = listing.omitted
    problem("validation_failed", detail, errors={place: listed}, **members)


def shortened(text: str) -> str:
    """Return `text`, cut where it is longer than a name of ours can be."""
    return text if len(text) <= MAX_NAME_LENGTH else f"{text[:MAX_NAME_LENGTH]}…"


class _Listing:
    """Copies messages until their number or their size is too large for a response, and counts the rest."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self.omitted = 0

    def copy(self, errors: Any) -> Any:
        """Return the part of `errors` (messages by field, nested) that is listed; None where nothing is."""
        if isinstance(errors, dict):
            return self._copy_fields(errors)
        if isinstance(errors, list):
            return [listed for each in errors if (listed := self.copy(each)) is not None] or None
        size = len(to_json(_readable(errors)))
        if self.messages >= MAX_MESSAGES or self.bytes + size > MAX_LISTED_BYTES:
            self.omitted += 1
            return None
        self.messages += 1
        self.bytes += size
        return errors

    def _copy_fields(self, errors: dict[Any, Any]) -> dict[Any, Any] | None:
        listed = {}
        for name, messages in errors.items():
            short = shortened(name) if isinstance(name, str) else name
            size = len(to_json(_readable(str(short))))
            self.bytes += size
            if (copied := self.copy(messages)) is None:
                self.bytes -= size
            else:
                listed[short] = copied
        return listed or None


def init_errors(app: Flask) -> None:
    """Make every error of the application leave in the one shape."""
    app.register_blueprint(pages)
    app.register_error_handler(HTTPException, _say)
    app.register_error_handler(Exception, respond_to_unexpected_error)


def _say(error: HTTPException) -> Any:
    if isinstance(error, Problem):
        return error.answer()
    if error.code is None or error.code < 400:
        return error  # a redirect
    headers = {"Allow": ", ".join(sorted(error.valid_methods or ()))} if isinstance(error, MethodNotAllowed) else {}
    code_name = BY_STATUS.get(error.code, "malformed_request" if error.code < 500 else "internal_error")
    return Problem(code_name, None, {}, headers).answer()


def respond_to_unexpected_error(error: Exception) -> Response:
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
