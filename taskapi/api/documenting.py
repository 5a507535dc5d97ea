"""What the declarations of a view imply, for the OpenAPI document: its name, conditions, security and errors."""

import re
from typing import Any

from apispec import APISpec

from taskapi.api.header_docs import headers
from taskapi.api.parsing import MERGE_PATCH
from taskapi.api.problem_docs import SAFE, codes_of, refer

_TEXT = {"schema": {"type": "string"}}
SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access_token` of `POST /api/v1/auth/login`. It decides where a cookie comes with it.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-access_token",
        "description": "For browsers: signing in with `cookies: true` sets it. In development over plain HTTP "
        "cookies are not `Secure` and have no `__Host-` prefix: the name is `access_token`.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-TOKEN",
        "description": "With a cookie, unsafe methods need the `csrf_access_token` of the sign-in's or last refresh's "
        "response; to refresh and to log out, the `csrf_refresh_token`. Both are also in readable cookies, "
        "`__Host-csrf_access_token` and `__Host-csrf_refresh_token`.",
    },
    "refresh_cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-refresh_token",
        "description": "For browsers, to refresh and to log out.",
    },
}
BY_REFRESH_COOKIE: dict[str, list[str]] = {"refresh_cookie": [], "csrf": []}
FRESH = (
    " The token must come from a password, by `POST /api/v1/auth/login` or `POST /api/v1/auth/verify-password`; "
    "one that was refreshed will not do."
)

MATCH = (
    "The `ETag` of what you mean to change, or its `version` in quotes: 412 if it has changed since. By strong "
    'comparison (RFC 9110): `W/"7"`, as a compressing proxy may make of `"7"`, matches nothing. A field that is not a '
    "list of quoted tags is answered 400."
)


def document_operation(
    doc: dict[str, Any], doc_info: dict[str, Any], *, spec: APISpec, method: str, **_: Any
) -> dict[str, Any]:
    """Complete an operation of the document."""
    doc["operationId"] = doc_info["name"]
    _document_body(doc)
    _document_conditions(doc, doc_info, method)
    _document_idempotency(doc, doc_info)
    _document_access(doc, doc_info, method)
    answers = doc["responses"] | refer(spec, codes_of(doc, doc_info, method))
    doc["responses"] = {status: answers[status] for status in sorted(answers, key=str)}
    return doc


def path_parameters(rule: str) -> list[dict[str, str]]:
    """Return what is to be said of the ids in an address."""
    names = re.findall(r"<uuid:(\w+)_id>", rule)
    return [{"in": "path", "name": f"{name}_id", "description": f"The `id` of the {name}."} for name in names]


def _document_body(doc: dict[str, Any]) -> None:
    """List JSON alone: of two media types with one schema, generators make clients that do not load or compile."""
    media_types = doc.pop("media_types", ())
    if "requestBody" in doc and MERGE_PATCH in media_types:
        doc["requestBody"]["description"] = f"`{MERGE_PATCH}` (RFC 7396) is accepted as well, and means the same."


def _document_conditions(doc: dict[str, Any], doc_info: dict[str, Any], method: str) -> None:
    """Add the precondition: of a read that it has changed, of a change that it has not."""
    if doc_info.get("conditional") and method == "get":
        _add_header(doc, "If-None-Match", "The `ETag` of what you have: 304 if it is still the same.")
        doc["responses"][304] = {"description": "Not modified", "headers": headers("Cache-Control", "ETag")}
    elif "version_mismatch" in doc_info.get("problems", ()):
        _add_header(doc, "If-Match", MATCH)


def _document_idempotency(doc: dict[str, Any], doc_info: dict[str, Any]) -> None:
    if "idempotent" in doc_info:
        meaning = "Sent again within 24 hours with the same body, it gets the first answer and does nothing more."
        _add_header(doc, "Idempotency-Key", meaning, pattern="^[!-~]{1,255}$")
        doc["responses"][doc_info["success_status_codes"][0]]["headers"] |= headers("Idempotency-Replayed")


def _add_header(doc: dict[str, Any], name: str, description: str, **schema: str) -> None:
    parameter = {"in": "header", "name": name, "description": description, "required": False}
    doc.setdefault("parameters", []).append(parameter | {"schema": {"type": "string", **schema}})


def _document_access(doc: dict[str, Any], doc_info: dict[str, Any], method: str) -> None:
    """Say who may, in words and as what signs a request; the permission is a bearer's scope."""
    docstring = doc_info["docstring"]
    if access := doc_info.get("access"):
        scopes = [str(access.permission)]
        doc["security"] = [{"bearer": scopes}, {"cookie": scopes} | ({} if method in SAFE else {"csrf": []})]
        said = f"Needs the permission `{access.permission}`: {', '.join(doc_info['roles'])}.{FRESH * access.fresh}"
    else:
        doc["security"] = []
        said = "Needs no access token."
    docstring["description"] = "\n\n".join(filter(None, [docstring.get("description"), said]))
