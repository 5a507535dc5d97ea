"""The components of the OpenAPI document: headers, security schemes, errors, and schemas of bodies."""

from typing import Any, ClassVar

from marshmallow import Schema, fields

from taskapi.api.error_catalogue import CATALOGUE
from taskapi.api.fields import Choice, Variant
from taskapi.api.openapi_examples import REQUEST_ID, describe, parameter_example
from taskapi.config import Settings

RATE_LIMIT_HEADERS = ("RateLimit", "RateLimit-Policy")
SESSION_END_HEADERS = ("Set-Cookie", "Clear-Site-Data")  # of an operation that may end the session of the caller
ANNOTATIONS = {"description", "example"}  # of a field, beside the reference to its component
OF_MEMBER = {"readOnly", "writeOnly", "default"}  # depend on where a value is used, so that no component has them
LIMITS = {"pattern", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"}


def _header(description: str, example: str) -> dict[str, Any]:
    return {"schema": {"type": "string"}, "description": description, "example": example}


HEADERS = {
    "X-Request-ID": _header(
        "The id of the request, which the logs contain too. A value that you send is kept if it matches "
        "`[A-Za-z0-9._-]{1,64}`.",
        REQUEST_ID,
    ),
    "Cache-Control": _header("Who may store the response, and for how long.", "private, no-cache"),
    "RateLimit": _header(
        "On limited routes: for each limit, the remaining requests and the seconds until all are available again.",
        '"user";r=5999;t=42',
    ),
    "RateLimit-Policy": _header(
        "On limited routes: for each limit, its requests and its window in seconds.", '"user";q=6000;w=60'
    ),
    "Retry-After": _header("The number of seconds to wait before the next attempt.", "42"),
    "WWW-Authenticate": _header(
        "The authentication scheme and the error (RFC 6750; RFC 9470 if a recent password entry is required).",
        'Bearer error="invalid_token"',
    ),
    "ETag": _header(
        "The entity tag. Send it as `If-None-Match` with a GET, or as `If-Match` with a change.",
        '"7"',
    ),
    "Location": _header("The URL of the new resource.", "/api/v1/tasks/01980a5c-3f00-7a10-8c4e-5d1f0a2b3c03"),
    "Link": _header(
        'The URL of the next page, with `rel="next"` (RFC 8288).',
        '<https://tasks.example.org/api/v1/tasks?limit=20&cursor=…>; rel="next"',
    ),
    "Set-Cookie": _header(
        "With cookies: the tokens, and the values for `X-CSRF-TOKEN`.",
        "__Host-csrf_access_token=mW2Yt0…; Secure; Path=/; SameSite=Strict",
    ),
    "Access-Control-Allow-Origin": _header("Pages of every origin may read the response.", "*"),
    "Clear-Site-Data": _header("With cookies, if the session of the caller ended.", '"cache"'),
    "Content-Disposition": _header("The name of the file.", 'attachment; filename="tasks.json"'),
    "Idempotency-Replayed": _header(
        "`true` if this is the stored response of the first request, and nothing was changed.", "true"
    ),
}


def header_references(*names: str) -> dict[str, Any]:
    """Return references to the headers of a response: the request id, and `names`."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *names)}


SECURITY_SCHEMES: dict[str, dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access_token` of `POST /api/v1/auth/login`. If a request has a cookie too, the header "
        "decides.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-access_token",
        "description": "For browsers. A login with `cookies: true` sets it. In development over plain HTTP, cookies "
        "are not `Secure` and their names have no prefix `__Host-`: `access_token`.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-TOKEN",
        "description": "With a cookie, unsafe methods need the `csrf_access_token` of the latest login or refresh "
        "response. Refresh and logout by cookie need the `csrf_refresh_token`. The cookies "
        "`__Host-csrf_access_token` and `__Host-csrf_refresh_token` have the same values, and scripts can read them.",
    },
    "refresh_cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-refresh_token",
        "description": "For browsers, to refresh and to log out.",
    },
}
BY_REFRESH_COOKIE: dict[str, list[str]] = {"refresh_cookie": [], "csrf": []}


class ErrorCodeChoice(Choice):
    """The code of an error. Later versions can add codes."""

    values = CATALOGUE  # to which extensions add theirs


class PermissionChoice(Choice):
    """A permission: a resource and an action. Later versions can add permissions."""

    values: ClassVar[list[str]] = []  # the guard adds those of the table of roles


class ProblemSchema(Schema):
    """An error (RFC 9457). Programs should check `code`; `type` is the URL of a page about it."""

    type = fields.String(metadata={"format": "uri-reference"})
    title = fields.String(metadata={"description": "The name of the status."})
    status = fields.Integer()
    detail = fields.String(metadata={"description": "A description of the error for people."})
    code = ErrorCodeChoice()
    request_id = fields.String(metadata={"description": "The id of the request in the logs."})
    index = fields.Integer(
        metadata={"sometimes": True, "description": "With a batch: the index of the failed operation, from 0."}
    )
    count = fields.Integer(
        metadata={"sometimes": True, "description": "With `count_changed`: the number of tasks that the filter finds."}
    )
    task_id = fields.UUID(
        metadata={"sometimes": True, "description": "With a change of many tasks: the task that cannot change."}
    )
    permission = PermissionChoice(
        metadata={"sometimes": True, "description": "With `permission_denied`: the permission that your role lacks."}
    )
    challenge = fields.String(
        metadata={"sometimes": True, "description": "With `second_factor_required`: what the second step needs."}
    )
    down = fields.List(
        fields.String(), metadata={"sometimes": True, "description": "With `/readyz`: the services that are down."}
    )


class FieldError(fields.Field[Any]):
    """Messages about a field; for an object or an array, messages by its members or indexes."""

    is_component = True

    def __init__(self) -> None:
        texts = {"type": "array", "items": {"type": "string"}}
        super().__init__(metadata={"anyOf": [texts, {"$ref": "#/components/schemas/FieldErrors"}]})


class FieldErrors(fields.Dict):
    """Messages by field."""

    is_component = True

    def __init__(self) -> None:
        super().__init__(values=FieldError(), metadata={"sometimes": True})


class ValidationErrorsSchema(Schema):
    """The messages by the place of the invalid values."""

    json = FieldErrors()
    query = FieldErrors()
    path = FieldErrors()
    header = FieldErrors()
    csv = FieldErrors()
    form = FieldErrors()


class ValidationProblemSchema(ProblemSchema):
    """An error of the request's values. At most 100 messages are listed; names longer than 100 characters are cut."""

    errors = fields.Nested(ValidationErrorsSchema)
    errors_omitted = fields.Integer(
        metadata={"sometimes": True, "description": "The number of messages that `errors` omits."}
    )
    invalid_rows = fields.Integer(
        metadata={
            "sometimes": True,
            "description": "With an import: the number of invalid rows. `errors` may omit some of them.",
        }
    )


def version_mismatch_schema(name: str, current: Schema | None) -> type[Schema]:
    """Return the schema of a `version_mismatch` of a resource, which `current` shows."""
    members = {
        "__doc__": "The resource has changed since you read it. `current` is the current one; it can exceed 64 KB.",
        "current": fields.Nested(current or Schema()),
    }
    return type(f"{name}Schema", (ProblemSchema,), members)


# Examples of the members that an error has besides those that all errors have
PROBLEM_MEMBERS: dict[str, dict[str, Any]] = {
    "validation_failed": {"errors": {"json": {"title": ["Missing data for required field."]}}},
    "idempotency_key_reused": {"errors": {"header": {"Idempotency-Key": ["Was used for another request."]}}},
    "permission_denied": {"permission": "task:write"},
}


def component_name(schema: Any) -> Any:
    """Return the name of a schema in the document. None leaves out those of flask-smorest, which we do not use."""
    kind = schema if isinstance(schema, type) else type(schema)
    return None if kind.__module__.startswith("flask_smorest") else kind.__name__.strip("_").removesuffix("Schema")


def complete_schema(definition: dict[str, Any], schema: Schema, settings: Settings) -> dict[str, Any]:
    """Return the description of a schema, and of a response its required members.

    A body has no `default`: generated clients would require or send the member. The `limits` of its fields are those of
    the settings. A response always has all members, except those whose field has the metadata `sometimes`; it is not
    null where the field has `never_null`; and it has no limits, which only matter to those who write. A schema may have
    more keywords in `described`.
    """
    described: dict[str, Any] = {"description": describe(schema), **getattr(schema, "described", {})}
    unwanted = OF_MEMBER | (set() if getattr(schema, "is_body", False) else LIMITS)
    for property_ in definition["properties"].values():
        for part in (property_, property_.get("items", {})):
            for name in unwanted & part.keys():
                del part[name]
    if getattr(schema, "is_body", False):
        for name, field in schema.load_fields.items():
            if hasattr(field, "limits"):
                definition["properties"][name] |= field.limits(settings)
        return described
    for name, field in schema.dump_fields.items():
        if field.metadata.get("never_null"):
            definition["properties"][name]["type"] = definition["properties"][name]["type"][0]
    required = [name for name, field in schema.dump_fields.items() if not field.metadata.get("sometimes")]
    return described | ({"required": required} if required else {})


def refer_to_component(self: Any, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """Replace the schema of a field whose class has `is_component` by a reference to a component, named by the class.

    A field with only one value becomes a constant.
    """
    if len(ret.get("enum", ())) == 1:
        ret["const"] = ret.pop("enum")[0]
    if not getattr(field, "is_component", False):
        return {}
    name = type(field).__name__.removesuffix("Choice").removesuffix("Variant")
    for key in OF_MEMBER & ret.keys():
        del ret[key]
    schema = {key: ret.pop(key) for key in ret.keys() - ANNOTATIONS}
    if isinstance(field, Variant):
        schema = _one_of(self, field)
    if name not in self.spec.components.schemas:
        self.spec.components.schema(name, {"description": " ".join((type(field).__doc__ or "").split()), **schema})
    return {"$ref": f"#/components/schemas/{name}"}


def show_example(_converter: Any, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """Give a parameter an example, beside its schema. Raises LookupError for a field that needs one in its metadata."""
    ret["schema"].pop("example", None)
    return {"example": parameter_example(field)}


def _one_of(converter: Any, field: Variant) -> dict[str, Any]:
    references = {kind: converter.field2property(fields.Nested(schema)) for kind, schema in field.schemas.items()}
    mapping = {kind: reference["$ref"] for kind, reference in references.items()}
    return {"oneOf": [*references.values()], "discriminator": {"propertyName": field.by, "mapping": mapping}}
