"""/: the browser client's page, and under /static/ what the page is made of.

The address of a file has the digest of all of them in it. A module imports its neighbours by relative address, so a
page runs on the files of one release, and a browser may keep each for ever.
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
    """Return the page with the addresses of this release; it names all modules, to be fetched at once."""
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
    """Show one of the client's files; those of another release are not here."""
    if release != RELEASE or name not in FILES:
        raise NotFound
    response = Response(FILES[name], content_type=TYPES[Path(name).suffix])
    response.cache_control.public = True
    response.cache_control.max_age = A_YEAR
    response.cache_control.immutable = True
    return _conditional(response)


def init_web(app: Flask, _settings: Settings) -> None:
    """Serve the client."""
    app.register_blueprint(pages)


def _conditional(response: Response) -> Response:
    """Return the response under its tag, or 304 where the browser has it already."""
    response.add_etag()
    response.make_conditional(request)
    return response
