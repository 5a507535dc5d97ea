"""What every response carries: its request id, and the headers that keep a browser out of trouble."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from flask import Flask, Response, g, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from taskapi.api import problem
from taskapi.config import Settings, settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
PLAIN_HTTP = {"/healthz", "/readyz", "/metrics"}
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
CORS_OPTIONS: dict[str, Any] = {
    "resources": "/api/*",
    "supports_credentials": True,
    "methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    "allow_headers": [
        "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-CSRF-TOKEN", "X-Request-ID",
    ],
    "expose_headers": [
        "ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-ID",
    ],
    "max_age": 600,
}  # fmt: skip
HSTS = "max-age=31536000; includeSubDomains"


def identify_request() -> None:
    """Give the request an id: the client's own, if it is well formed."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex


def require_https() -> None:
    """Refuse plain HTTP in production; a redirect would have the token sent in the clear twice."""
    if settings().production and not request.is_secure and request.path not in PLAIN_HTTP:
        problem("https_required")


def add_headers(response: Response) -> Response:
    """Add what every response carries; nothing is stored that does not say it may be."""
    headers = response.headers
    for name, value in ALWAYS.items():
        headers[name] = value
    headers["X-Request-ID"] = g.get("request_id") or uuid4().hex
    headers["Content-Security-Policy"] = PAGE_POLICY if response.mimetype == "text/html" else API_POLICY
    if request.is_secure:
        headers["Strict-Transport-Security"] = HSTS
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    return response


def _lower_host(application: "WSGIApplication") -> "WSGIApplication":
    """Lower the requested host: names of hosts have no case, yet are compared with the trusted ones as they are."""

    def lowered(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if "HTTP_HOST" in environ:
            environ["HTTP_HOST"] = environ["HTTP_HOST"].lower()
        return application(environ, start_response)

    return lowered


def init_headers(app: Flask, settings: Settings) -> None:
    """Put ids before and headers behind every request, and believe as many proxies as there are."""
    app.before_request(identify_request)
    app.before_request(require_https)
    app.after_request(add_headers)
    if settings.trusted_hosts:
        app.config["TRUSTED_HOSTS"] = [host.lower() for host in settings.trusted_hosts]
        app.wsgi_app = _lower_host(app.wsgi_app)  # type: ignore[method-assign,assignment]
    if settings.cors_origins:
        CORS(app, origins=list(settings.cors_origins), **CORS_OPTIONS)
    if count := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count, x_port=count)  # type: ignore[method-assign]
