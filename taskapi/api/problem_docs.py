"""The errors of an operation in the OpenAPI document: what its declarations imply, and what it says itself."""

from collections.abc import Iterator, Sequence
from typing import Any

from apispec import APISpec
from werkzeug.http import HTTP_STATUS_CODES

from taskapi.api.error_catalogue import CATALOGUE, Entry
from taskapi.api.errors import MEDIA_TYPE
from taskapi.api.examples import REQUEST_ID
from taskapi.api.header_docs import LIMITS, headers

BODY = ("malformed_request", "malformed_json", "body_too_large", "unsupported_media_type")
TOKEN = ("token_missing", "token_malformed", "token_invalid", "token_expired", "token_revoked")
ACCESS = (*TOKEN, "permission_denied", "too_many_requests", "unavailable")
ANYWHERE = ("malformed_request", "https_required", "uri_too_long", "headers_too_large", "internal_error", "unavailable")
SAFE = {"get", "head"}

_TEXT = {"type": "string"}
PROBLEM = {
    "type": "object",
    "description": "Every error (RFC 9457). Programs go by `code`; `type` leads to a page that explains it.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": _TEXT | {"format": "uri-reference"},
        "title": _TEXT | {"description": "What the status is called."},
        "status": {"type": "integer"},
        "detail": _TEXT | {"description": "What is wrong, for people."},
        "code": _TEXT | {"enum": sorted(CATALOGUE)},
        "request_id": _TEXT | {"description": "The log has more under it."},
        "errors": {
            "type": "object",
            "description": "Of `validation_failed`: `json`, `query`, `path`, `csv` or `form`, the field, its messages. "
            "At most 100 messages; names longer than 100 characters are cut.",
        },
        "errors_omitted": {"type": "integer", "description": "How many messages `errors` leaves out."},
        "invalid_rows": {"type": "integer", "description": "Of an import: how many rows are wrong, not all told."},
        "index": {"type": "integer", "description": "Of a batch: the operation that failed, from 0."},
        "current": {
            "type": "object",
            "description": "Of `version_mismatch`: the resource as it is now, whole. It can exceed 64 KB.",
        },
        "permission": _TEXT | {"description": "Of `permission_denied`: which one your role does not grant."},
        "down": {"type": "array", "items": _TEXT, "description": "Of `/readyz`: what does not work."},
    },
}
_MEMBERS: dict[str, dict[str, Any]] = {
    "validation_failed": {"errors": {"json": {"title": ["Missing data for required field."]}}},
    "permission_denied": {"permission": "task:write"},
    "version_mismatch": {"current": {"title": "Water the plants", "version": 8}},
}
_HEADERS = {412: {"ETag"}, 429: {"Retry-After", *LIMITS}}  # beside those that the catalogue gives


def codes_of(doc: dict[str, Any], doc_info: dict[str, Any], method: str) -> set[str]:
    """Return the codes of the errors that an operation may answer with."""
    return {"validation_failed", *doc_info.get("problems", ()), *_implied(doc, doc_info, method)}


def _implied(doc: dict[str, Any], doc_info: dict[str, Any], method: str) -> Iterator[str]:
    if "requestBody" in doc or "requestBody" in doc_info.get("manual_doc", {}):
        yield from BODY
    if "version_mismatch" in doc_info.get("problems", ()):
        yield "malformed_request"
    if "idempotent" in doc_info:
        yield from ("malformed_request", "idempotency_key_reused", "answer_not_kept", "quota_exceeded")
    if any("cursor" in getattr(parameter.get("schema"), "fields", ()) for parameter in doc.get("parameters", ())):
        yield "invalid_cursor"
    if "access" in doc_info:
        yield from ACCESS
        if method not in SAFE:
            yield "csrf_failed"
        if doc_info["access"].fresh:
            yield "fresh_token_required"


def refer(spec: APISpec, codes: set[str]) -> dict[int, Any]:
    """Return a response for each status of these codes, by reference to a component that all who answer so share."""
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(CATALOGUE[code].status, []).append(code)
    return {status: _reference(spec, status, by_status[status]) for status in sorted(by_status)}


def _reference(spec: APISpec, status: int, codes: list[str]) -> dict[str, str]:
    name = ".".join(codes)
    if name not in spec.components.responses:
        spec.components.response(name, _response(codes, _HEADERS.get(status, set())))
    return {"$ref": f"#/components/responses/{name}"}


def _response(codes: Sequence[str], names: set[str]) -> dict[str, Any]:
    """Return the response of a status, which carries headers of these names and those that its errors bring."""
    names = names.union(*(CATALOGUE[code].headers for code in codes))
    one_of_these = {"properties": {"code": {"enum": [*codes]}}}
    content = {
        "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, one_of_these]},
        "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
    }
    said = "\n".join(f"- [`{code}`](/problems/{code}): {CATALOGUE[code].detail}" for code in codes)
    return {"description": said, "headers": headers(*sorted(names)), "content": {MEDIA_TYPE: content}}


def init_problem_docs(spec: APISpec) -> None:
    """Put into the document what its operations refer to: the shape of errors, an example of each, the unforeseen."""
    spec.components.schema("Problem", PROBLEM)
    for code, entry in CATALOGUE.items():
        spec.components.example(code, {"summary": code, "value": _example(code, entry)})
    spec.components.response("DEFAULT_ERROR", _response(ANYWHERE, set()))


def _example(code: str, entry: Entry) -> dict[str, Any]:
    title, members = HTTP_STATUS_CODES[entry.status], _MEMBERS.get(code, {})
    said = {"type": f"/problems/{code}", "title": title, "status": entry.status, "detail": entry.detail, "code": code}
    return {**said, "request_id": REQUEST_ID, **members}
