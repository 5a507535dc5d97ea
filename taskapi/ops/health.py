"""/healthz and /readyz: whether the process runs, whether its dependencies work, and whether it shuts down.

The server sets one shared byte, which tells its workers that shutdown has begun. From then on /readyz responds 503 and
every response closes its connection, so that a proxy uses another instance and keeps no idle connection that is about
to be closed.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from mmap import ACCESS_READ, mmap
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Response, current_app
from marshmallow import Schema, fields
from marshmallow.validate import OneOf
from werkzeug.wsgi import ClosingIterator

from taskapi.api import Blueprint, problem, public
from taskapi.api.errors import Problem
from taskapi.api.parsing import has_body

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Check = Callable[[], str | None]  # the reason why it is down; None if it works
Hold = Callable[[], AbstractContextManager[None]]
STATE_FILE: Final = "DRAIN_STATE_FILE"  # set by the server for its workers
SERVING, DRAINING = b"\0", b"\1"
MAX_UNREAD_BYTES: Final = 20 * 1024 * 1024  # of a body; more than the limits of common proxies
MAX_READ_SECONDS: Final = 5  # for a client that sends slowly
DRAIN_PATIENCE: Final = 0.02  # seconds that a thread waits for others to finish reading; quick reads need it

blp = Blueprint("health", __name__, description="Health checks for operators.")


class HealthSchema(Schema):
    """The process runs."""

    status = fields.String(validate=OneOf(["ok"]))


class ReadinessSchema(HealthSchema):
    """The service is ready."""

    degraded = fields.List(
        fields.String(),
        metadata={
            "description": "Services that are down, but that requests do not need.",
            "example": ["redis"],
        },
    )


def init_health(app: Flask, checks: Mapping[str, Check], reports: Mapping[str, Check]) -> None:
    """Store the checks that readiness depends on, and those that are only reported, by name."""
    app.extensions["taskapi-checks"] = dict(checks)
    for name, check in reports.items():
        add_report(app, name, check)


def add_report(app: Flask, name: str, check: Check) -> None:
    """Add a check that is only reported: by `degraded` of /readyz, and by `flask doctor`."""
    app.extensions.setdefault("taskapi-reports", {})[name] = check


def findings() -> dict[str, str | None]:
    """Return the result of each check by its name: the reason why it is down, or None."""
    return {**_run("taskapi-checks"), **_run("taskapi-reports")}


def _run(kind: str) -> dict[str, str | None]:
    checks: Mapping[str, Check] = current_app.extensions[kind]
    return {name: check() for name, check in checks.items()}


def _down(kind: str) -> list[str]:
    """Return the names of the failed checks, and log the reasons."""
    down = {name: why for name, why in _run(kind).items() if why}
    if down:
        current_app.logger.warning("down: %s", "; ".join(f"{name}: {why}" for name, why in down.items()))
    return list(down)


@blp.get("/healthz")
@blp.response(200, HealthSchema)
@public
def healthz() -> dict[str, str]:
    """Check that the process runs."""
    return {"status": "ok"}


@blp.get("/readyz")
@blp.response(200, ReadinessSchema, errors=("unavailable",))
@public
def readyz() -> dict[str, Any]:
    """Check that the service is ready. A 503 names what is down; the log has the reasons.

    Redis only counts rate limits. Without Redis each process counts in its own memory, and the service is ready.
    """
    if down := _down("taskapi-checks"):
        problem("unavailable", f"Not ready: {', '.join(down)}.", down=down)
    return {"status": "ok", "degraded": _down("taskapi-reports")}


def create_state_file(folder: Path) -> Path:
    """Create the file of the shared byte, and return its path."""
    path = folder / "drain"
    path.write_bytes(SERVING)
    return path


def begin_drain(path: Path) -> None:
    """Tell all workers that shutdown has begun. Writes the byte in place: the workers have mapped the file."""
    with path.open("r+b") as file:
        file.write(DRAINING)


def _read_whole_body(application: "WSGIApplication", hold_read: Hold) -> "WSGIApplication":
    """Wrap the application to read the rest of the request body after each response.

    Granian resets the connection of a client that is still sending. A proxy treats that as a failure of the instance.
    """

    def reading(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        response = application(environ, start_response)
        if not has_body(environ):
            return response
        read_response = _then_read_rest(response, environ["wsgi.input"], hold_read)
        return ClosingIterator(read_response, getattr(response, "close", None))

    return reading


def _then_read_rest(response: Iterable[bytes], body: Any, hold_read: Hold) -> Iterator[bytes]:
    """Yield a response, then read the rest of the request body. The client has the complete response before that.

    `hold_read` raises a Problem while too many other clients send their bodies slowly: a client may announce a body and
    never send it. Nothing is read then. A proxy that receives the whole request first sends it at once.
    """
    yield from response
    end, left = monotonic() + MAX_READ_SECONDS, MAX_UNREAD_BYTES
    with suppress(Problem), hold_read():
        while left > 0 and monotonic() < end and (piece := body.read(65536)):
            left -= len(piece)


def init_drain(app: Flask, hold_read: Hold) -> None:
    """Make readiness and connections depend on the shared byte, if the server has created one.

    `hold_read` limits the number of threads that read bodies.
    """
    name = os.environ.get(STATE_FILE)
    if not name or not Path(name).is_file():
        return
    with Path(name).open("rb") as file:
        state = mmap(file.fileno(), 1, access=ACCESS_READ)

    def close_connection(response: Response) -> Response:
        if state[0]:
            response.headers["Connection"] = "close"
        return response

    app.after_request(close_connection)
    app.wsgi_app = _read_whole_body(app.wsgi_app, hold_read)  # type: ignore[method-assign,assignment]
    app.extensions["taskapi-checks"]["shutdown"] = lambda: "it has begun" if state[0] else None
