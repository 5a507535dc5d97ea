"""What the declarations of a view imply, for the OpenAPI document: errors, conditions, security."""

from typing import Any

_TEXT = {"schema": {"type": "string"}}
HEADERS = {
    "X-Request-ID": {**_TEXT, "description": "The id of this request, in the logs too."},
    "Cache-Control": _TEXT,
    "RateLimit": {
        **_TEXT,
        "description": "On limited routes: what is left of each, and seconds until it is whole.",
    },
    "RateLimit-Policy": {**_TEXT, "description": "On limited routes: each limit, and its window in seconds."},
}
COOKIES = {"Set-Cookie": {**_TEXT, "description": "With cookies: the tokens, and the values for X-CSRF-TOKEN."}}
CONDITIONAL_HEADERS = {"ETag": {**_TEXT, "description": "Send it back as If-None-Match, or as If-Match with a change."}}


def document_operation(doc: dict[str, Any], doc_info: dict[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
    """Complete an operation of the document."""
    doc["operationId"] = doc_info["name"]
    _document_body(doc)
    _document_conditions(doc, doc_info, method)
    _document_idempotency(doc, doc_info)
    _document_access(doc, doc_info)
    _document_problems(doc, doc_info)
    return doc


def _document_body(doc: dict[str, Any]) -> None:
    media_types = doc.pop("media_types", ())
    if "requestBody" in doc:
        (content,) = doc["requestBody"]["content"].values()
        doc["requestBody"]["content"] = dict.fromkeys(media_types, content)


def _document_conditions(doc: dict[str, Any], doc_info: dict[str, Any], method: str) -> None:
    """Add the precondition: of a read that it has changed, of a change that it has not."""
    name = "If-None-Match" if method == "get" else "If-Match"
    if (doc_info.get("conditional") and method == "get") or 412 in doc_info.get("problems", ()):
        doc.setdefault("parameters", []).append({"in": "header", "name": name, **_TEXT, "required": False})
        if method == "get":
            doc["responses"][304] = {"description": "Not modified", "headers": HEADERS | CONDITIONAL_HEADERS}


def _document_idempotency(doc: dict[str, Any], doc_info: dict[str, Any]) -> None:
    if "idempotent" in doc_info:
        key = {"in": "header", "name": "Idempotency-Key", "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"}}
        meaning = "Sent again within 24 hours with the same body, it gets the first answer and does nothing more."
        doc.setdefault("parameters", []).append({**key, "required": False, "description": meaning})


def _document_access(doc: dict[str, Any], doc_info: dict[str, Any]) -> None:
    if access := doc_info.get("access"):
        doc["security"] = [{"bearer": []}]
        doc["description"] = f"Needs the permission `{access}`."


def _document_problems(doc: dict[str, Any], doc_info: dict[str, Any]) -> None:
    statuses = {422, *doc_info.get("problems", ())}
    if "requestBody" in doc:
        statuses |= {400, 413, 415}
    if "access" in doc_info:
        statuses |= {401, 403}
    for status in sorted(statuses):
        doc["responses"][status] = {"$ref": f"#/components/responses/Problem{status}"}
