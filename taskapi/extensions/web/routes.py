"""/: the page of the browser client, and its files under /static/.

The URL of a file contains a digest of all files. Modules import each other by relative URLs, so a page uses the files
of one release only, and browsers may cache each file permanently.
"""

from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import NotFound

from taskapi.api import public
from taskapi.config import Settings

FOLDER = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
FILES = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in sorted(FOLDER.rglob("*.*"))}
RELEASE = sha256(b"".join(FILES.values())).hexdigest()[:16]
A_YEAR = 365 * 24 * 3600

pages = Blueprint("web", __name__)


def _page(template: str) -> bytes:
    """Return the page with the URLs of this release, and with preloads of all modules."""
    preloads = [f'<link rel="modulepreload" href="static/{name}">' for name in FILES if name.endswith(".js")]
    return template.replace("<!-- modules -->", "\n".join(preloads)).replace("static/", f"static/{RELEASE}/").encode()


PAGE = _page(FILES.pop("index.html").decode())


@pages.get("/")
@public
def show_client() -> Response:
    """Show the browser client."""
    response = Response(PAGE, content_type="text/html; charset=utf-8")
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


def _conditional(response: Response) -> Response:
    """Return the response with an entity tag, or 304 if the browser has the same version."""
    response.add_etag()
    response.make_conditional(request)
    return response
