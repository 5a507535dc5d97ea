"""/.well-known: the public keys, and the metadata by which other services find them."""

from typing import Any

from flask import Response, request, url_for
from flask_cors import CORS
from marshmallow import Schema, fields

from taskapi.api import Blueprint, public
from taskapi.api.responses import to_json
from taskapi.config import settings
from taskapi.security.keys import current_key_set

MAX_AGE = 300
EXAMPLE = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kid": "2030-01",
    "alg": "EdDSA",
    "use": "sig",
}

blp = Blueprint("keys", __name__, description="Public keys, with which other services verify tokens.")
CORS(blp, origins="*", methods=["GET", "HEAD"], max_age=86400, send_wildcard=True)


class JwkSchema(Schema):
    """A public key (RFC 7517). The other members depend on its type `kty`."""

    kty = fields.String()
    kid = fields.String()
    alg = fields.String()
    use = fields.String()
    crv = fields.String(metadata={"sometimes": True})
    x = fields.String(metadata={"sometimes": True})
    y = fields.String(metadata={"sometimes": True})
    n = fields.String(metadata={"sometimes": True})
    e = fields.String(metadata={"sometimes": True})


class JwksSchema(Schema):
    """A JWK Set (RFC 7517)."""

    keys = fields.List(
        fields.Nested(JwkSchema),
        metadata={"description": "Empty if tokens are signed with a shared secret.", "example": [EXAMPLE]},
    )


class MetadataSchema(Schema):
    """Metadata of an authorization server (RFC 8414)."""

    issuer = fields.String(required=True, metadata={"description": "The `iss` claim of tokens.", "example": "taskapi"})
    jwks_uri = fields.URL(
        required=True,
        metadata={
            "format": "uri",
            "description": "The public keys.",
            "example": "https://tasks.example.org/.well-known/jwks.json",
        },
    )
    response_types_supported = fields.List(
        fields.String(), required=True, metadata={"description": "None: there is no OAuth flow.", "example": []}
    )
    grant_types_supported = fields.List(
        fields.String(), required=True, metadata={"description": "None: sign in at /api/v1/auth/login.", "example": []}
    )
    service_documentation = fields.URL(
        required=True, metadata={"format": "uri", "example": "https://tasks.example.org/docs/"}
    )


@blp.get("/.well-known/jwks.json")
@blp.response(200, JwksSchema, headers=("ETag", "Access-Control-Allow-Origin"))
@public
def show_jwks() -> Response:
    """Show the public keys that verify the tokens of this API."""
    return _cacheable(current_key_set().published)


@blp.get("/.well-known/oauth-authorization-server")
@blp.response(200, MetadataSchema, headers=("ETag", "Access-Control-Allow-Origin"))
@public
def show_metadata() -> Response:
    """Show the metadata that a library needs to verify tokens: the issuer and the URL of the public keys.

    There is no OAuth token endpoint: users sign in at /api/v1/auth/login.
    """
    return _cacheable(
        {
            "issuer": settings().jwt_issuer,
            "jwks_uri": url_for("keys.show_jwks", _external=True),
            "response_types_supported": [],
            "grant_types_supported": [],
            "service_documentation": url_for("docs.show_docs", _external=True),
        }
    )


def _cacheable(document: dict[str, Any]) -> Response:
    response = Response(to_json(document), content_type="application/json")
    response.cache_control.public = True
    response.cache_control.max_age = MAX_AGE
    response.add_etag()
    response.make_conditional(request)
    return response
