"""/: the page of the browser client, and its files under /static/.

The URL of a file contains a digest of all files. Modules import each other by relative URLs, so a page uses the files
of one release only, and browsers may cache each file permanently.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, json, request
from markupsafe import escape
from werkzeug.exceptions import NotFound

from taskapi.api import public
from taskapi.config import Settings, settings

FOLDER = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
FILES = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in sorted(FOLDER.rglob("*.*"))}
RELEASE = sha256(b"".join(FILES.values())).hexdigest()[:16]
OPTIONAL_ROUTES = (  # of other extensions; the client hides what uses a route that does not exist
    "/admin/users",
    "/changes/stream",
    "/me/calendars",
    "/me/export",
    "/me/tokens",
    "/reminders",
    "/tasks/bulk",
    "/tasks/export.csv",
    "/tasks/export.ics",
    "/tasks/export.json",
    "/tasks/import.csv",
    "/tasks/import.ics",
    "/tasks/import.json",
)
A_YEAR = 365 * 24 * 3600

pages = Blueprint("web", __name__)


def _page(template: str) -> str:
    """Return the page with the URLs of this release, and with preloads of all modules."""
    preloads = [f'<link rel="modulepreload" href="static/{name}">' for name in FILES if name.endswith(".js")]
    return template.replace("<!-- modules -->", "\n".join(preloads)).replace("static/", f"static/{RELEASE}/")


PAGE = _page(FILES.pop("index.html").decode())


@pages.get("/")
@public
def show_client() -> Response:
    """Show the browser client."""
    facts = escape(json.dumps(_facts()))
    response = Response(PAGE.replace("<!-- server -->", facts), content_type="text/html; charset=utf-8")
    response.cache_control.no_cache = True
    return _conditional(response)


@pages.get("/static/<release>/<path:name>")
@public
def show_file(release: str, name: str) -> Response:
    """Show a file of the client. Responds 404 for a file of another release."""
    if release != RELEASE or name not in FILES:
        raise NotFound
    response = Response(FILES[name], content_type=TYPES[Path(name).suffix])
    response.cache_control.public = True
    response.cache_control.max_age = A_YEAR
    response.cache_control.immutable = True
    return _conditional(response)


def init_web(app: Flask, _settings: Settings) -> None:
    """Serve the browser client."""
    app.register_blueprint(pages)


def _facts() -> dict[str, Any]:
    """Return what the client must know of this server, as `static/api/server.js` reads it."""
    rules = {rule.rule for rule in current_app.url_map.iter_rules()}
    return {
        "registration": settings().registration_enabled,
        "trash_days": settings().trash_days,
        "openid": _provider_name(),
        "mail": "/api/v1/me/email" in rules and bool(getattr(settings(), "mail_url", "")),  # of the extension `mail`
        "passkeys": bool(getattr(settings(), "passkey_rp_id", "")),  # of the extension `passkeys`
        "second_factor": bool(getattr(settings(), "second_factor_keys", ())),  # of the extension `second_factor`
        "routes": [path for path in OPTIONAL_ROUTES if f"/api/v1{path}" in rules],
    }


def _provider_name() -> str | None:
    """Return the name of the OpenID provider, or None without the extension `openid_accounts` or without a provider."""
    issuer = getattr(settings(), "openid_issuer", "")
    name: str = getattr(settings(), "openid_name", "") or urlsplit(issuer).netloc
    return name if issuer and hasattr(settings(), "openid_name") else None


def _conditional(response: Response) -> Response:
    """Return the response with an entity tag, or 304 if the browser has the same version."""
    response.add_etag()
    response.make_conditional(request)
    return response
