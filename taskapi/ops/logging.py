"""Logs: a line for each request, and messages of the service; as text, or as JSON in production.

A request line has no text that a client wrote: the route is a rule of ours, the request id is validated, the user and
the token are the `sub` and the `jti` of a verified token. Bodies, queries, tokens and cookies are never logged.
"""

import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from flask import Flask, Response, g, has_app_context

from taskapi.config import Settings
from taskapi.config.sources import suggestion, unknown_names
from taskapi.context import current_g, current_request

Event = structlog.typing.EventDict
Render = Callable[[Any, str, Event], str]


def init_logging(app: Flask, settings: Settings) -> None:
    """Set up logging, and warn about variables that look like settings and are unknown."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    render = _json if settings.logs_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    _replace_handler(_handler(render))
    logging.getLogger("werkzeug").setLevel(logging.INFO)
    logging.getLogger("werkzeug").addFilter(_no_access_line)
    app.logger.setLevel(level)
    if level <= logging.INFO:
        app.after_request(_request_logger(render))
    for name in unknown_names():
        app.logger.warning("%s is not a setting of this version and has no effect%s", name, suggestion(name))


class _Handler(logging.StreamHandler[Any]):
    """Our handler, so that it is replaced without removing others."""


def _replace_handler(handler: _Handler) -> None:
    root = logging.getLogger()
    for old in [found for found in root.handlers if isinstance(found, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)


class _Stderr:
    """The current standard error, which may differ from that at set-up."""

    @staticmethod
    def write(text: str) -> None:
        sys.stderr.write(text)

    @staticmethod
    def flush() -> None:
        sys.stderr.flush()


def _handler(render: Render) -> _Handler:
    stdlib = structlog.stdlib
    handler = _Handler(_Stderr())
    handler.setFormatter(
        stdlib.ProcessorFormatter(
            foreign_pre_chain=[stdlib.add_log_level, stdlib.add_logger_name, _add_request_id, *_STAMP],
            processors=[stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    return handler


def _request_logger(render: Render) -> Callable[[Response], Response]:
    """Return the function that writes the line of a request.

    Without structlog's processors, which would take a tenth of a short request.
    """

    def log_request(response: Response) -> Response:
        request, context = current_request(), current_g()
        caller, rule, method = context.get("caller"), request.url_rule, request.method
        event = {
            "event": "request",
            "level": "info",
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "request_id": context.get("request_id"),
            "method": method if method.isalpha() else "?",
            "route": rule.rule if rule else None,
            "status": response.status_code,
            "ms": round((time.perf_counter() - context.started) * 1000, 2),
            "user_id": caller.sub if caller else None,
            "token_id": caller.jti if caller else None,
        }
        sys.stderr.write(f"{render(None, 'info', event)}\n")
        return response

    return log_request


def _add_request_id(_logger: Any, _method: str, event: Event) -> Event:
    if has_app_context() and "request_id" in g:
        event["request_id"] = g.request_id
    return event


def _no_access_line(record: logging.LogRecord) -> bool:
    """Filter out the access log of the development server, which contains text from the client."""
    return " - - [" not in record.getMessage()


def _json(_logger: Any, _method: str, event: Event) -> str:
    return orjson.dumps(event, default=repr).decode()


_STAMP: Any = (structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.format_exc_info)
