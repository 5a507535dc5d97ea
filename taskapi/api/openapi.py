"""The OpenAPI document, made from the schemas and the routes."""

from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask, Response, current_app
from flask_smorest import Api as SmorestApi
from marshmallow import Schema

from taskapi.api import fields
from taskapi.api.documenting import HEADERS
from taskapi.api.encoding import to_json
from taskapi.api.problems import CATALOGUE, MEDIA_TYPE
from taskapi.config import VERSION

DESCRIPTION = """Your own tasks behind JSON Web Tokens: register, log in, send `Authorization: Bearer <access token>`.

Every error has the one shape of RFC 9457; its `type` is a page that explains it."""

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted(CATALOGUE)},
        "request_id": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "For 422: json, query or path, then the field, then its messages.",
        },
        "current": {"type": "object", "description": "For 412: the resource as it is now."},
    },
}
_OWN_HEADERS = {405: {"Allow"}, 412: {"ETag"}, 429: {"Retry-After"}}  # beside those that the catalogue gives


document = Blueprint("openapi", __name__)


@document.get("/openapi.json")
def show_openapi() -> Response:
    """Show this document."""
    return Response(to_json(current_app.extensions["taskapi-openapi"].spec.to_dict()), content_type="application/json")


show_openapi.access = "public"  # type: ignore[attr-defined]


class Api(SmorestApi):  # type: ignore[misc]
    """The API and its document."""

    def _register_responses(self) -> None:
        self.spec.components.schema("Problem", PROBLEM)
        for status in {entry.status for entry in CATALOGUE.values()}:
            self.spec.components.response(f"Problem{status}", _problem_response(status))
        self.spec.components.response("DEFAULT_ERROR", _problem_response(None))

    def _register_etag_headers(self) -> None:
        """Leave conditions to taskapi.api.documenting."""

    def _register_pagination_header(self) -> None:
        """Leave pages to cursors."""

    def _register_error_handlers(self) -> None:
        """Leave errors to taskapi.api.problems."""


def _problem_response(status: int | None) -> dict[str, Any]:
    entries = {code: entry for code, entry in CATALOGUE.items() if entry.status == status}
    names = {name for entry in entries.values() for name in entry.headers} | _OWN_HEADERS.get(status or 0, set())
    return {
        "description": "  \n".join(f"`{code}`: {entry.detail}" for code, entry in entries.items())
        or "Any other error.",
        "headers": HEADERS | {name: {"schema": {"type": "string"}} for name in sorted(names)},
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def schema_name(schema: type[Schema] | Schema) -> str:
    """Name a schema in the document; the partial form of one is its Patch."""
    instance = schema() if isinstance(schema, type) else schema
    name = type(instance).__name__.removesuffix("Schema")
    return f"{name}Patch" if instance.partial else name


def init_api(app: Flask) -> Api:
    """Make the document of this application, served at /openapi.json."""
    api = Api(
        app,
        spec_kwargs={
            "title": "Task API",
            "version": VERSION,
            "openapi_version": "3.1.0",
            "marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=schema_name),
            "info": {"description": DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
        },
    )
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    api.register_field(fields.DayOrInstant, "string", None)
    app.extensions["taskapi-openapi"] = api
    app.register_blueprint(document)
    return api
