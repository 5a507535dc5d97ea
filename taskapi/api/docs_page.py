"""HTML pages: Swagger UI at /docs/, with the files of a package, and a page for each error at /problems/<code>."""

from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Flask, Response, request
from markupsafe import Markup, escape
from werkzeug.http import HTTP_STATUS_CODES

from taskapi.api.blueprint import public
from taskapi.api.error_catalogue import CATALOGUE
from taskapi.api.errors import problem

_OURS = Path(__file__).parent / "static" / "docs"
_SWAGGER_UI = Path(str(files("flask_swagger_ui"))) / "dist"
FILES = {
    "docs.css": _OURS / "docs.css",
    "docs.js": _OURS / "docs.js",
    "swagger-ui-bundle.js": _SWAGGER_UI / "swagger-ui-bundle.js",
    "swagger-ui.css": _SWAGGER_UI / "swagger-ui.css",
    "favicon-32x32.png": _SWAGGER_UI / "favicon-32x32.png",
}
# Not from `mimetypes`: on Windows it reads the registry, which other programs can change
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
_PROBLEM_PAGE = Markup(
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{code}</title>'
    "<h1>{code}</h1><p>{status} {title}: {detail}</p><p>{advice}</p></html>"
)

docs = Blueprint("docs", __name__)
problems = Blueprint("problems", __name__)


def init_docs(app: Flask) -> None:
    """Register the routes of the pages."""
    app.register_blueprint(docs)
    app.register_blueprint(problems)


@docs.get("/docs")
@public
def find_docs() -> Response:
    """Redirect to the page by a relative URL, which does not depend on the Host header."""
    return Response(status=308, headers={"Location": "docs/"})


@docs.get("/docs/")
@public
def show_docs() -> Response:
    """Show Swagger UI."""
    return _file_response(_OURS / "index.html", max_age=0)


@docs.get("/docs/<name>")
@public
def show_docs_file(name: str) -> Response:
    """Return a file of Swagger UI."""
    return _file_response(FILES.get(name) or problem("not_found"), max_age=3600)


def _file_response(path: Path, max_age: int) -> Response:
    response = Response(path.read_bytes(), mimetype=_TYPES[path.suffix])
    response.cache_control.public = True
    response.cache_control.max_age = max_age
    response.add_etag()
    response.make_conditional(request)
    return response


@problems.get("/problems/<code_name>")
@public
def show_problem(code_name: str) -> Response:
    """Show the page of an error."""
    entry = CATALOGUE.get(code_name) or problem("not_found")
    title = HTTP_STATUS_CODES[entry.status]
    page = _PROBLEM_PAGE.format(
        code=escape(code_name), status=entry.status, title=title, detail=entry.detail, advice=entry.advice
    )
    response = Response(page, content_type="text/html; charset=utf-8")
    response.cache_control.public = True
    response.cache_control.max_age = 3600
    return response
