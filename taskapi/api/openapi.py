"""The OpenAPI document, made from the schemas and the routes."""

from functools import lru_cache, partial
from typing import Any

from apispec import APISpec, BasePlugin
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask, Response, current_app, request
from flask_smorest import Api as SmorestApi
from marshmallow import Schema

from taskapi.api import fields
from taskapi.api.documenting import SECURITY
from taskapi.api.encoding import to_json
from taskapi.api.examples import said_of
from taskapi.api.header_docs import HEADERS
from taskapi.api.problem_docs import init_problem_docs
from taskapi.config import VERSION

DESCRIPTION = """Your own tasks behind JSON Web Tokens.

1. `POST /api/v1/auth/register` opens an account, `POST /api/v1/auth/login` signs in.
2. Every request then carries `Authorization: Bearer <access_token>`; at `/docs/`, signing in sees to that.
3. The answer `token_expired` asks for `POST /api/v1/auth/refresh`, with the refresh token that the login gave.

Bodies are UTF-8 JSON. Fields that a resource shows and no client sets (`id`, `version`, …) are accepted and ignored,
so that what was read can be sent back. In text, CRLF and CR become LF; other control characters but the tab are refused
with 422. A field or a query parameter that the operation does not know is refused with 422, and a member
name that an object has twice with 400. In a query, an array is sent as `a=1&a=2` or as `a[]=1&a[]=2`, a boolean as
`true` or `false`, and an empty value means that the parameter is absent.

Every error has the one shape of RFC 9457: programs go by its `code`, and its `type` is a page that explains it. No
error may be stored (`no-store`). Another user's resource answers 404, as if it did not exist."""

document = Blueprint("openapi", __name__)


@document.get("/openapi.json")
def show_openapi() -> Response:
    """Show this document."""
    body = current_app.extensions["taskapi-openapi"](request.script_root)
    response = Response(body, content_type="application/json")
    response.cache_control.public = True
    response.cache_control.max_age = 0
    response.add_etag()
    response.make_conditional(request)
    return response


show_openapi.access = "public"  # type: ignore[attr-defined]


class Descriptions(BasePlugin):
    """Schemas say in the document what they say in the code."""

    def schema_helper(self, name: str, definition: Any, schema: Any = None, **_: Any) -> dict[str, str] | None:
        """Return the docstring of a schema; of one that is written out there is none."""
        return {"description": said_of(schema() if isinstance(schema, type) else schema)} if schema else None


class Api(SmorestApi):  # type: ignore[misc]
    """The API and its document."""

    def _register_responses(self) -> None:
        init_problem_docs(self.spec)

    def _register_etag_headers(self) -> None:
        """Leave conditions to taskapi.api.documenting."""

    def _register_pagination_header(self) -> None:
        """Leave pages to cursors."""

    def _register_error_handlers(self) -> None:
        """Leave errors to taskapi.api.errors."""


def _written(spec: APISpec, prefix: str) -> bytes:
    """Return the document as served under a path prefix, without the groups that lent their operations to others."""
    document = spec.to_dict()
    servers = {"servers": [{"url": prefix}]} if prefix else {}
    text = to_json(document | servers | {"tags": [tag for tag in document["tags"] if tag["description"]]})
    return text.replace(b"](/problems/", f"]({prefix}/problems/".encode())


def schema_name(schema: type[Schema] | Schema) -> str:
    """Name a schema in the document."""
    instance = schema() if isinstance(schema, type) else schema
    return type(instance).__name__.removesuffix("Schema")


def init_api(app: Flask) -> Api:
    """Make the document of this application, served at /openapi.json."""
    api = Api(
        app,
        spec_kwargs={
            "title": "Task API",
            "version": VERSION,
            "openapi_version": "3.1.0",
            "extra_plugins": [Descriptions()],
            "marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=schema_name),
            "info": {"description": DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
        },
    )
    for name, scheme in SECURITY.items():
        api.spec.components.security_scheme(name, scheme)
    for name, header in HEADERS.items():
        api.spec.components.header(name, header)
    api.register_field(fields.DayOrInstant, "string", None)
    app.extensions["taskapi-openapi"] = lru_cache(8)(partial(_written, api.spec))
    app.register_blueprint(document)
    return api
