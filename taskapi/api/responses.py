"""JSON responses, their entity tags, and the preconditions If-Match and If-None-Match (RFC 9110, section 13.1)."""

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn
from urllib.parse import quote

import orjson
from flask import Flask, Request, Response
from flask.json.provider import JSONProvider
from flask.sessions import NullSession, SessionInterface, SessionMixin
from marshmallow import Schema
from werkzeug.datastructures import Headers

from taskapi.api.errors import problem
from taskapi.context import current_request
from taskapi.database import JsonRow

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# The newline at the end keeps the prompt of a terminal on its own line
JSON_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
PRIVATE: Final = "private, no-cache"
# A proxy that compresses a response may add these to its tag: Apache's mod_deflate and mod_brotli, and Caddy
COMPRESSION_SUFFIXES: Final = ("-gzip", "-br", "-zstd")
_ELEMENT = re.compile(r'(?:(?P<weak>W/)?"(?P<tag>[\x21\x23-\x7e\x80-\xff]*)")?[ \t]*(?:,[ \t]*|$)')


class OrjsonProvider(JSONProvider):
    """Flask's JSON functions, by orjson."""

    def dumps(self, obj: Any, **_kwargs: Any) -> str:
        """Return `obj` as JSON text."""
        return to_json(obj).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """Return the value of a JSON text."""
        return orjson.loads(s)


class NoSessions(SessionInterface):
    """Instead of Flask's `session`, a signed cookie that no code here uses. Using it raises RuntimeError."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> SessionMixin:
        """Return the session of every request, which is empty."""
        return self._none

    def is_null_session(self, obj: object) -> bool:
        """Return True: no session is saved."""
        return obj is self._none


class JsonResponse(Response):
    """A response whose body is complete, so that its headers are final when it is created."""

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:
        """Return the headers. Werkzeug would copy them, and look for what to complete."""
        return self.headers


def to_json(value: Any) -> bytes:
    """Return `value` as JSON, with instants in UTC. Raises TypeError for a value JSON does not have, as a surrogate."""
    return orjson.dumps(value, option=JSON_OPTIONS)


def service_url() -> str:
    """Return the address of the service without a final slash; only its path if the request has no valid Host."""
    request = current_request()
    path = quote(request.script_root, safe="/!$&'()*+,;=:@%")
    return f"{request.scheme}://{request.host}{path}" if request.host else path


def dump(row: Any, schema: Schema) -> Any:
    """Return the fields of a row that `schema` shows. A dictionary, or a row that is JSON already, stays as it is."""
    return row if isinstance(row, dict | JsonRow) else {name: getattr(row, name) for name in schema.dump_fields}


def json_response(
    body: Any, status: int, headers: dict[str, str] | None = None, *, etag: bool = False, derived: bool = False
) -> Response:
    """Return a JSON response, or 304 if If-None-Match names its tag.

    With `etag`, the response has an entity tag: see `etag_of` for `derived`.
    """
    if body is None or status == 204:
        return Response(status=status, headers=headers)
    data = to_json(body) if isinstance(body, dict) else f"{body.text}\n".encode()
    headers = headers or {}
    if etag:
        version = body.get("version") if isinstance(body, dict) else body.version
        tag = etag_of(version, data, derived=derived)
        conditional = {"ETag": f'"{tag}"', "Cache-Control": PRIVATE}
        if current_request().method in {"GET", "HEAD"} and _if_none_match(tag):
            return Response(status=304, headers=conditional)
        headers = headers | conditional
    return JsonResponse(data, status, headers, content_type="application/json")


def etag_of(version: int | None, data: bytes, *, derived: bool) -> str:
    """Return the entity tag of a representation: its version, or else a digest of its bytes.

    A `derived` representation shows more than its row, such as the number of its tasks. Its tag has both.
    """
    if version is not None and not derived:
        return str(version)
    digest = blake2b(data, digest_size=12).hexdigest()
    return digest if version is None else f"{version}-{digest}"


def is_derived(schema: Schema | None) -> bool:
    """Tell whether a schema shows more than a row. Such a schema has the class attribute `derived = True`."""
    return getattr(schema, "derived", False)


def require_match(row: Any, schema: Schema) -> None:
    """Respond 412 with the current row if If-Match names neither its entity tag nor its version.

    Responds 400 to a malformed If-Match.
    """
    if "HTTP_IF_MATCH" in current_request().environ:
        tag = etag_of(row.version, to_json(dump(row, schema)), derived=is_derived(schema))
        if not _if_match(str(row.version), tag):
            reject_version(row, schema)


def reject_version(row: Any, schema: Schema) -> NoReturn:
    """Respond 412 with the current row."""
    current = dump(row, schema)
    tag = etag_of(row.version, to_json(current), derived=is_derived(schema))
    problem("version_mismatch", headers={"ETag": f'"{tag}"'}, current=current)


class EntityTag(NamedTuple):
    """An entity tag without its quotes and without the suffix of a compressing proxy."""

    tag: str
    weak: bool


def parse_entity_tags(header: str) -> list[EntityTag] | None:
    """Return the entity tags of a header; None if it is not a list of one or more."""
    tags = []
    header = header.strip(" \t")
    position = 0
    while position < len(header):
        element = _ELEMENT.match(header, position)
        if element is None:
            return None
        if (tag := element["tag"]) is not None:
            suffix = next((suffix for suffix in COMPRESSION_SUFFIXES if tag.endswith(suffix)), "")
            tags.append(EntityTag(tag.removesuffix(suffix), element["weak"] is not None))
        position = element.end()
    return tags or None


def _if_none_match(tag: str) -> bool:
    """Tell whether If-None-Match names `tag`, by weak comparison. A malformed header names no tag."""
    header = current_request().environ.get("HTTP_IF_NONE_MATCH")
    if header is None:
        return False
    return header.strip() == "*" or any(known.tag == tag for known in parse_entity_tags(header) or ())


def _if_match(*tags: str) -> bool:
    """Tell whether If-Match names one of `tags`, by strong comparison: a weak tag never matches."""
    header = current_request().environ["HTTP_IF_MATCH"]
    if header.strip() == "*":
        return True
    named = parse_entity_tags(header)
    if named is None:
        problem("malformed_request", 'If-Match must be * or a list of quoted entity tags, such as "7".')
    return any(EntityTag(tag, weak=False) in named for tag in tags)
