"""Request ids, security headers, CORS, host checks, and proxies."""

import re
import time
from collections.abc import Callable, Collection, Iterable
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from taskapi.api import problem
from taskapi.config import Settings
from taskapi.context import current_g, current_request
from taskapi.security.client_address import normalize_address
from taskapi.security.rate_limit import limit_headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REQUEST_ID = "taskapi.request_id"
_REQUEST_ID_FORM = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_HOST = re.compile(r"(\[[0-9a-f]*:[0-9a-f.:]+\]|[a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?", re.ASCII)
MAX_PORT = 65535
HTTP_PATHS = {"/healthz", "/readyz", "/metrics"}
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
CORS_ALLOWED = (
    "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-CSRF-TOKEN", "X-Request-ID",
    "traceparent", "tracestate", "baggage", "sentry-trace",
)  # fmt: skip
CORS_EXPOSED = (
    "Content-Disposition", "ETag", "Idempotency-Replayed", "Link", "Location", "RateLimit", "RateLimit-Policy",
    "Retry-After", "WWW-Authenticate", "X-Request-ID",
)  # fmt: skip
CORS_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HSTS = "max-age=31536000; includeSubDomains"


def _start_requests(trusted: Collection[str], *, https_only: bool) -> Callable[[], None]:
    """Return the function that runs first in each request. One function, because Flask inspects each before a call."""

    def start_request() -> None:
        context = current_g()
        context.started = time.perf_counter()
        context.request_id = _id_of(current_request().environ)
        require_host(trusted)
        if https_only:
            require_https()

    return start_request


def _id_of(environ: "WSGIEnvironment") -> str:
    request_id: str | None = environ.get(REQUEST_ID)
    if request_id is None:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = environ[REQUEST_ID] = given if _REQUEST_ID_FORM.fullmatch(given) else token_hex(16)
    return request_id


def require_https() -> None:
    """Respond 403 to plain HTTP. A redirect would let the client send its token unencrypted twice."""
    if not request.is_secure and request.path not in HTTP_PATHS:
        problem("https_required")


def response_headers(environ: "WSGIEnvironment", status: str, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers of a response with the common ones, and with `no-store` if there is no Cache-Control.

    `Date` is left to the server, which adds its own. An empty response has no `Content-Type`.
    """
    is_empty = status.startswith("204") or ("Content-Length", "0") in headers
    policy, cache = API_POLICY, [("Cache-Control", "no-store")]
    sent = [*SECURITY_HEADERS, ("X-Request-ID", _id_of(environ)), *limit_headers(environ)]
    for name, value in headers:
        match name.lower():
            case "content-type" if not is_empty:
                policy = PAGE_POLICY if value.startswith("text/html") else API_POLICY
                sent.append((name, value))
            case "location":
                sent.append((name, _with_prefix(environ, value)))
            case "cache-control":
                cache = [(name, value)]
            case "date" | "content-type":
                pass
            case _:
                sent.append((name, value))
    if not status.startswith("304"):  # the header would replace the policy of the cached page
        sent.append(("Content-Security-Policy", policy))
    if environ["wsgi.url_scheme"] == "https":
        sent.append(("Strict-Transport-Security", HSTS))
    return sent + cache


def _with_prefix(environ: "WSGIEnvironment", location: str) -> str:
    """Return a path with the prefix that the application is served under."""
    prefix: str = environ.get("SCRIPT_NAME", "").rstrip("/")
    return f"{prefix}{location}" if location.startswith("/") else location


def _add_headers(application: "WSGIApplication") -> "WSGIApplication":
    """Wrap the application to add the common headers. In WSGI, because Flask searches its headers for each one set."""

    def with_headers(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, response_headers(environ, status, headers), *exc_info)

        return application(environ, start)

    return with_headers


def require_host(trusted: Collection[str]) -> None:
    """Respond 400 to a malformed Host header (RFC 9112, section 3.2), and to a host that is not in `trusted`, if given.

    Flask's own check refuses IPv6 hosts, and takes a malformed host for an empty one.
    """
    host = current_request().environ.get("HTTP_HOST", "").lower()
    found = _HOST.fullmatch(host)
    if host and (found is None or int(found[2] or 1) > MAX_PORT):
        problem("malformed_request", "The Host header is malformed.")
    name = found[1] if found else ""
    if trusted and not any(name == one or (one.startswith(".") and f".{name}".endswith(one)) for one in trusted):
        problem("malformed_request", "The service does not serve this host.")


def _serve_under(base_path: str, application: "WSGIApplication") -> "WSGIApplication":
    """Serve the application under a path prefix, whether the proxy in front passes the prefix on or strips it."""

    def under_base(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        environ["SCRIPT_NAME"] = base_path
        if path == base_path:  # the URLs in the page of the web client are relative to the prefix
            start_response("308 Permanent Redirect", [("Location", "/"), ("Content-Length", "0")])
            return []
        environ["PATH_INFO"] = path.removeprefix(base_path) if path.startswith(f"{base_path}/") else path
        return application(environ, start_response)

    return under_base


def _init_cors(app: Flask, settings: Settings) -> None:
    """Allow the API to the listed origins, with credentials.

    Flask-CORS treats an origin with brackets (IPv6) as a regular expression, so each is passed as an exact one.
    """
    allowed = {
        "origins": [re.compile(re.escape(origin) + r"\Z") for origin in settings.cors_origins],
        "supports_credentials": True,
        "methods": list(CORS_METHODS),
        "allow_headers": [*CORS_ALLOWED, *settings.cors_headers],
        "expose_headers": list(CORS_EXPOSED),
        "max_age": 600,
    }
    CORS(app, resources={re.compile("/api/"): allowed})


def init_headers(app: Flask, settings: Settings) -> None:
    """Register the request ids, checks and headers, and trust the configured number of proxies."""
    trusted = [re.sub(r":\d+\Z", "", host.lower()) for host in settings.trusted_hosts]
    app.before_request(_start_requests(trusted, https_only=settings.production))
    if settings.base_path:
        app.wsgi_app = _serve_under(settings.base_path, app.wsgi_app)  # type: ignore[method-assign,assignment]
    app.wsgi_app = _add_headers(app.wsgi_app)  # type: ignore[method-assign,assignment]
    if settings.cors_origins:
        _init_cors(app, settings)
    if count := settings.trusted_proxies:
        app.wsgi_app = normalize_address(app.wsgi_app)  # type: ignore[method-assign,assignment]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count, x_port=count)  # type: ignore[method-assign]
