"""/docs/: the OpenAPI document to read and to try out, by Swagger UI, whose files come with a package of ours."""

from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Flask, Response, request

from taskapi.api.errors import problem

_OURS = Path(__file__).parent / "static" / "docs"
_DIST = Path(str(files("flask_swagger_ui"))) / "dist"
FILES = {
    "docs.css": _OURS / "docs.css",
    "docs.js": _OURS / "docs.js",
    "swagger-ui-bundle.js": _DIST / "swagger-ui-bundle.js",
    "swagger-ui.css": _DIST / "swagger-ui.css",
    "favicon-32x32.png": _DIST / "favicon-32x32.png",
}
# Said by us: what Windows says of .js is what some program wrote into its registry
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".png": "image/png"}

pages = Blueprint("docs", __name__)


def init_docs(app: Flask) -> None:
    """Serve the page and what it loads."""
    app.register_blueprint(pages)


@pages.get("/docs")
def find_docs() -> Response:
    """Lead to the page, by no host's name: what it loads stands beside it."""
    return Response(status=308, headers={"Location": "docs/"})


@pages.get("/docs/")
def show_docs() -> Response:
    """Show the page."""
    return _show(_OURS / "index.html", max_age=0)


@pages.get("/docs/<name>")
def show_docs_file(name: str) -> Response:
    """Show what the page loads: these files, and no other."""
    return _show(FILES.get(name) or problem("not_found"), max_age=3600)


def _show(path: Path, max_age: int) -> Response:
    response = Response(path.read_bytes(), mimetype=_TYPES[path.suffix])
    response.cache_control.public = True
    response.cache_control.max_age = max_age
    response.add_etag()
    response.make_conditional(request)
    return response


find_docs.access = show_docs.access = show_docs_file.access = "public"  # type: ignore[attr-defined]
