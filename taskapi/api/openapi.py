"""The OpenAPI document, made from the routes, the schemas and the declarations of the views."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from threading import Lock
from typing import Any

from apispec import APISpec, BasePlugin
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask, Response, current_app, request
from flask_smorest import Api as SmorestApi
from marshmallow import Schema
from werkzeug.http import HTTP_STATUS_CODES

from taskapi.api import fields
from taskapi.api.blueprint import PUBLIC, Declaration, declaration, public
from taskapi.api.error_catalogue import CATALOGUE
from taskapi.api.errors import MEDIA_TYPE
from taskapi.api.openapi_components import (
    HEADERS,
    PROBLEM_MEMBERS,
    RATE_LIMIT_HEADERS,
    SECURITY_SCHEMES,
    ProblemSchema,
    ValidationProblemSchema,
    complete_schema,
    component_name,
    header_references,
    refer_to_component,
    show_example,
    version_mismatch_schema,
)
from taskapi.api.openapi_examples import REQUEST_ID, response_example
from taskapi.api.responses import service_url, to_json
from taskapi.config import VERSION

DESCRIPTION = """A task manager. Each user has their own tasks, and requests need a JSON Web Token.

1. `POST /api/v1/auth/register` creates an account; `POST /api/v1/auth/login` signs in.
2. Every other request has the header `Authorization: Bearer <access_token>`. On the page `/docs/`, signing in sets it.
3. When a response has the code `token_expired`, call `POST /api/v1/auth/refresh` with the refresh token of the login.

Bodies are UTF-8 JSON. Read-only fields of a resource (`id`, `version`, …) are accepted and ignored, so that you can
send back an object that you have read. In text, CRLF and CR become LF; other control characters except the tab are
rejected with 422. Unknown fields and query parameters are rejected with 422. An object with two members of the same
name is rejected with 400. In a query, an array is sent as `a=1&a=2` or as `a[]=1&a[]=2`, a boolean as `true` or
`false`. An empty value means that the parameter is absent.

Every error has the format of RFC 9457. Programs should check its `code`; its `type` is the URL of a page about the
error. Errors must not be stored (`no-store`). A resource of another user returns 404, as if it did not exist."""

SAFE = {"get", "head"}
TOKEN_ERRORS = ("token_missing", "token_malformed", "token_invalid", "token_expired", "token_revoked")
ACCESS_ERRORS = [*TOKEN_ERRORS, "permission_denied", "too_many_requests", "unavailable"]  # extensions add theirs
BODY_ERRORS = ("malformed_request", "malformed_json", "body_too_large", "unsupported_media_type")
IDEMPOTENCY_ERRORS = ("malformed_request", "idempotency_key_reused", "response_not_stored", "quota_exceeded")
COMMON_ERRORS = (
    "malformed_request", "https_required", "uri_too_long", "headers_too_large", "internal_error", "unavailable"
)  # fmt: skip
ERROR_HEADERS = {412: {"ETag"}, 429: {"Retry-After", *RATE_LIMIT_HEADERS}}  # besides those of the catalogue
SCHEMAS = {422: ValidationProblemSchema}  # of errors, by status; of the others it is ProblemSchema
IF_MATCH = (
    "The `ETag` of the resource, or its `version` in quotes. If the resource has changed since, the response is 412. "
    'Tags are compared strongly (RFC 9110): a weak tag never matches, such as the `W/"7"` of a compressing proxy. A '
    "value that is not a list of quoted tags is rejected with 400."
)
_TAG = r'(W/)?"[!#-~\u0080-\u00ff]*"[ \t]*'
IF_MATCH_PATTERN = rf"^[ \t]*(\*[ \t]*|(,[ \t]*)*{_TAG}(,[ \t]*({_TAG})?)*)$"
FRESH = (
    " The token must come from a password entry: from `POST /api/v1/auth/login` or `POST /api/v1/auth/verify-password`,"
    " not from a refresh."
)

ITEM = re.compile(r"/<uuid:(\w+)>")  # the path of a resource, after that of its list

routes = Blueprint("openapi", __name__)


@routes.get("/openapi.json")
@public
def show_openapi() -> Response:
    """Show the OpenAPI document."""
    # Clients that are generated from the document add paths to the address: with only "/", some would call "//api/…"
    servers = to_json([{"url": service_url() or "/"}]).strip()
    rest = current_app.extensions["taskapi-openapi"](request.script_root)
    response = Response(b'{"servers":' + servers + b"," + rest[1:], content_type="application/json")
    response.cache_control.public = True
    response.cache_control.max_age = 0
    response.add_etag()
    response.make_conditional(request)
    return response


class Api(SmorestApi):  # type: ignore[misc]
    """flask-smorest's registry of blueprints, which creates the document. `Operations` completes it."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask, **options: Any) -> None:
        super().__init__(app, **options)
        self.app = app
        self.undocumented_blueprints: list[Any] = []
        self.lock = Lock()

    def register_blueprint(self, blp: Any, **options: Any) -> None:
        """Register a blueprint. It is a group of operations if it has a description."""
        self.app.register_blueprint(blp, **options)
        self.undocumented_blueprints.append(blp)

    def document(self) -> dict[str, Any]:
        """Return the document. It is created when it is first requested, because that takes most of a start."""
        with self.lock:
            for blp in self.undocumented_blueprints:
                blp.register_views_in_doc(self, self.app, self.spec, name=blp.name, parameters=None)
                if blp.description:
                    self.spec.options["tags"].append({"name": blp.name, "description": blp.description})
            self.undocumented_blueprints.clear()
            document: dict[str, Any] = self.spec.to_dict()
            return document


class Operations(BasePlugin):
    """Adds to each operation what the declaration of its view implies: errors, security, conditions and its name."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def init_spec(self, spec: APISpec) -> None:
        """Register the components that operations refer to."""
        self.spec = spec
        for name, header in HEADERS.items():
            spec.components.header(name, header)
        for name, scheme in SECURITY_SCHEMES.items():
            spec.components.security_scheme(name, scheme)
        for code in CATALOGUE:
            spec.components.example(code, _error_example(code, PROBLEM_MEMBERS.get(code, {})), lazy=True)

    def schema_helper(self, name: str, definition: Any, schema: Any = None, **_: Any) -> dict[str, Any] | None:
        """Complete the component of a schema."""
        if schema is None:
            return None
        instance = schema() if isinstance(schema, type) else schema
        return complete_schema(definition, instance, self.app.config["SETTINGS"])

    def path_helper(self, path: Any = None, operations: Any = None, parameters: Any = None, **_: Any) -> None:
        """Describe the ids in a path."""
        for parameter in parameters:
            parameter["description"] = f"The `id` of the {parameter['name'].removesuffix('_id')}."

    def operation_helper(self, path: Any = None, operations: Any = None, **kwargs: Any) -> None:
        """Complete the operations of a route."""
        view = self.app.view_functions[kwargs["rule"].endpoint]
        for method, operation in operations.items():
            operation["operationId"] = view.__name__
            if 201 in operation["responses"]:
                operation["responses"][201] |= self._links(kwargs["rule"].rule)
            _document_conditions(operation, declaration(view), method, path)
            _document_access(operation, declaration(view).access, method)
            errors = self._error_references(
                declaration(view), {*_error_codes(operation, declaration(view), method, path)}
            )
            responses = operation["responses"] | errors
            operation["responses"] = {status: responses[status] for status in sorted(responses, key=str)}

    def _links(self, collection: str) -> dict[str, Any]:
        """Return links to the operations of a resource that was added to a collection, if it has any."""
        links = {}
        for rule in self.app.url_map.iter_rules():
            if item := ITEM.fullmatch(rule.rule.removeprefix(collection)):
                name = self.app.view_functions[rule.endpoint].__name__
                links[name] = {"operationId": name, "parameters": {item[1]: "$response.body#/id"}}
        return {"links": links} if links else {}

    def _error_references(self, declared: Declaration, codes: set[str]) -> dict[str | int, Any]:
        """Return a response for each status of these codes. All operations refer to the same component for a status."""
        by_status: dict[int, list[str]] = {}
        for code in sorted(codes):
            by_status.setdefault(CATALOGUE[code].status, []).append(code)
        references: dict[str | int, Any] = {"default": self._response("Error", ProblemSchema, COMMON_ERRORS)}
        for status, same in by_status.items():
            name = HTTP_STATUS_CODES[status].title().replace(" ", "")
            schema: type[Schema] = SCHEMAS.get(status, ProblemSchema)
            members = {}
            if status == 412 and declared.current is not None:
                members["current"] = response_example(declared.current)
                name = f"{component_name(declared.current)}VersionMismatch"
                schema = version_mismatch_schema(name, declared.current)
            references[status] = self._response(name, schema, same, **members)
        return references

    def _response(self, name: str, schema: Any, codes: Iterable[str], **members: Any) -> dict[str, str]:
        """Return a reference to a response that all operations share. Its description is that of the `codes`.

        Its examples have the `members`, if there are any; otherwise they are the components of the codes.
        """
        if name not in self.spec.components.responses:
            statuses = {CATALOGUE[code].status for code in codes}
            same = [code for code, entry in CATALOGUE.items() if statuses == {entry.status}] or codes
            examples = {code: _error_example(code, members) if members else code for code in same}
            self.spec.components.response(name, _error_response(schema, examples))
        return {"$ref": f"#/components/responses/{name}", "description": _describe_errors(codes)}


def _error_codes(operation: dict[str, Any], declared: Declaration, method: str, path: str) -> Iterator[str]:
    """Yield the codes of the errors that an operation may respond with."""
    yield "validation_failed"  # every operation rejects unknown query parameters
    yield from declared.errors
    if "{" in path:
        yield "not_found"
    if "requestBody" in operation:
        yield from BODY_ERRORS
    if "version_mismatch" in declared.errors:
        yield "malformed_request"
    if declared.idempotent:
        yield from IDEMPOTENCY_ERRORS
    if any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ())):
        yield "invalid_cursor"
    if declared.access not in {None, PUBLIC}:
        yield from ACCESS_ERRORS
        if method not in SAFE:
            yield "csrf_failed"
        if declared.access.fresh:
            yield "fresh_token_required"


def _error_example(code: str, members: dict[str, Any]) -> dict[str, Any]:
    """Return an example of an error with `members` besides those that all errors have."""
    problem = {
        "type": f"/problems/{code}",
        "title": HTTP_STATUS_CODES[CATALOGUE[code].status],
        "status": CATALOGUE[code].status,
        "detail": CATALOGUE[code].detail,
        "code": code,
        "request_id": REQUEST_ID,
    }
    return {"summary": code, "value": problem | members}


def _error_response(schema: Any, examples: dict[str, Any]) -> dict[str, Any]:
    """Return a response that documents errors of one status, by their code with an example or the name of one."""
    names = {name for code in examples for name in CATALOGUE[code].headers}
    names.update(*(ERROR_HEADERS.get(CATALOGUE[code].status, ()) for code in examples))
    return {
        "description": _describe_errors(examples),
        "headers": header_references(*sorted(names)),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


def _describe_errors(codes: Iterable[str]) -> str:
    return "\n".join(f"- [`{code}`](/problems/{code}): {CATALOGUE[code].detail}" for code in codes)


def _document_conditions(operation: dict[str, Any], declared: Declaration, method: str, path: str) -> None:
    """Add the request headers for conditions and idempotency, and the responses that follow from them."""
    if declared.conditional and method == "get":
        _add_header(operation, "If-None-Match", "The `ETag` of your copy. If it is still current, the response is 304.")
        operation["responses"][304] = {
            "description": "Not modified",
            "headers": header_references("Cache-Control", "ETag"),
        }
    elif "version_mismatch" in declared.errors and "{" in path:  # on one resource; a batch has versions in its body
        _add_header(operation, "If-Match", IF_MATCH, pattern=IF_MATCH_PATTERN)
    if declared.idempotent:
        description = (
            "A request with the same key and body within 24 hours returns the first response, and does nothing."
        )
        _add_header(operation, "Idempotency-Key", description, pattern="^[!-~]{1,255}$")
        success = min(status for status in operation["responses"] if isinstance(status, int))
        operation["responses"][success]["headers"] |= header_references("Idempotency-Replayed")


def _add_header(operation: dict[str, Any], name: str, description: str, **schema: str) -> None:
    parameter = {"in": "header", "name": name, "description": description, "required": False}
    operation.setdefault("parameters", []).append(parameter | {"schema": {"type": "string", **schema}})


def _document_access(operation: dict[str, Any], access: Any, method: str) -> None:
    """Document the access to an operation: in its description, and as its security scheme."""
    security: list[dict[str, list[str]]] = []
    description = "Needs no access token."
    if access not in {None, PUBLIC}:
        scopes = [str(access.permission)]
        security = [{"bearer": scopes}, {"cookie": scopes} | ({} if method in SAFE else {"csrf": []})]
        roles = ", ".join(access.roles)
        description = f"Needs the permission `{access.permission}`: {roles}.{FRESH if access.fresh else ''}"
    operation.setdefault("security", security)
    operation["description"] = "\n\n".join(filter(None, [operation.get("description"), description]))


def _to_json(api: Api, prefix: str) -> bytes:
    """Return the document for a path prefix, without the address, which depends on the request."""
    text = to_json({name: value for name, value in api.document().items() if name != "servers"})
    return text.replace(b"](/problems/", f"]({prefix}/problems/".encode())


def init_api(app: Flask) -> Api:
    """Return the registry for blueprints; serve its document at /openapi.json."""
    marshmallow = MarshmallowPlugin(schema_name_resolver=component_name)
    api = Api(
        app,
        spec_kwargs={
            "title": "Task API",
            "version": VERSION,
            "openapi_version": "3.1.0",
            "extra_plugins": [Operations(app)],
            "marshmallow_plugin": marshmallow,
            "info": {"description": DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
            "servers": [{"url": "/"}],
            "tags": [],
        },
    )
    api.register_field(fields.DayOrInstant, "string", None)
    if marshmallow.converter is not None:  # apispec has created it with the specification
        marshmallow.converter.add_attribute_function(refer_to_component)  # type: ignore[no-untyped-call]
        marshmallow.converter.add_parameter_attribute_function(show_example)
    document: Callable[[str], bytes] = lru_cache(8)(partial(_to_json, api))
    app.extensions["taskapi-openapi"] = document
    app.register_blueprint(routes)
    return api
