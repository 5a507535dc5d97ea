"""Delays and failures of requests, for all requests or by the headers of one, and a record of the last requests."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from random import random
from threading import Lock
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from taskapi.api import problem
from taskapi.api.error_catalogue import BY_STATUS, CATALOGUE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

DELAY, FAIL = HEADERS = ("X-Dev-Delay", "X-Dev-Fail")
MAX_DELAY_MS = 30_000
MAX_LOGGED = 200  # requests
MAX_PATH_LENGTH = 500
CODES = {**BY_STATUS, 401: "token_expired", 403: "permission_denied", 412: "version_mismatch", 500: "internal_error"}
_FAILURE = re.compile(r"([0-9a-z_]{1,40})(?::([0-9]{1,3})%)?", re.ASCII)


@dataclass
class Switches:
    """What happens to each request without headers of its own."""

    delay: int = 0  # milliseconds
    fail: str = ""  # as `read_failure` accepts it


@dataclass
class RequestLog:
    """The last requests to the API, in the memory of this process."""

    entries: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_LOGGED))
    numbers: Iterable[int] = field(default_factory=lambda: count(1))
    lock: Lock = field(default_factory=Lock)

    def add(self, **entry: Any) -> None:
        """Add a request."""
        with self.lock:
            self.entries.append({"number": next(iter(self.numbers)), **entry})

    def after(self, number: int) -> list[dict[str, Any]]:
        """Return the requests that were recorded after the one with this number."""
        with self.lock:
            return [entry for entry in self.entries if entry["number"] > number]


def read_delay(text: str) -> int:
    """Return a delay in milliseconds. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or int(text) > MAX_DELAY_MS:
        raise ValueError(f"Must be a number of milliseconds from 0 to {MAX_DELAY_MS}.")
    return int(text)


def read_failure(text: str) -> str:
    """Return a failure, which is a status or an error code, with a percentage if not always. Raises ValueError."""
    found = _FAILURE.fullmatch(text)
    if text and (found is None or _code_of(found[1]) not in CATALOGUE or int(found[2] or 0) > 100):
        known = ", ".join(map(str, sorted(CODES)))
        raise ValueError(f"Must be an error code or one of {known}, with a percentage if not always, such as 503:10%.")
    return text


def init_switches(app: Flask, switches: Switches) -> RequestLog:
    """Delay, fail and record requests to the API. Returns the record."""
    log = RequestLog()
    app.before_request(lambda: _fail_request(switches))
    app.wsgi_app = _recorded(app.wsgi_app, switches, log)  # type: ignore[method-assign]
    return log


def _fail_request(switches: Switches) -> None:
    """Respond with the failure that is set. After the guard, and within CORS, so that a page can read the error."""
    if not request.path.startswith("/api/") or request.method == "OPTIONS":
        return
    try:
        read_delay(request.headers.get(DELAY, "0"))
        failure = read_failure(request.headers.get(FAIL, switches.fail))
    except ValueError as error:
        problem("malformed_request", f"{DELAY} or {FAIL}: {error}")
    found = _FAILURE.fullmatch(failure)
    if found and random() * 100 < int(found[2] or 100):  # noqa: S311 - not for security
        problem(_code_of(found[1]))


def _code_of(name: str) -> str:
    return CODES.get(int(name), "") if name.isdecimal() else name


def _recorded(application: Callable[..., Any], switches: Switches, log: RequestLog) -> Callable[..., Any]:
    """Wrap the application. The delay comes before it, because it runs the requests of a user one after the other."""

    def recorded(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        path = environ.get("PATH_INFO", "")
        if not path.startswith("/api/"):
            return application(environ, start_response)
        started = time.perf_counter()
        time.sleep(_delay_of(environ, switches) / 1000)

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            spent = round((time.perf_counter() - started) * 1000)
            shown = path[:MAX_PATH_LENGTH].encode("latin-1").decode(errors="replace")
            log.add(method=environ["REQUEST_METHOD"], path=shown, status=int(status[:3]), milliseconds=spent)
            return start_response(status, headers, *exc_info)

        return application(environ, start)

    return recorded


def _delay_of(environ: "WSGIEnvironment", switches: Switches) -> int:
    if environ["REQUEST_METHOD"] == "OPTIONS":
        return 0
    try:
        return read_delay(environ.get("HTTP_X_DEV_DELAY", str(switches.delay)))
    except ValueError:
        return 0  # the response is 400
