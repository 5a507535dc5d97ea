"""/.well-known/jwks.json: the public keys, for whoever verifies our tokens elsewhere."""

from flask import Response, request
from marshmallow import Schema, fields

from taskapi.api import Blueprint
from taskapi.api.encoding import to_json
from taskapi.security.guard import public
from taskapi.security.keys import ring

MAX_AGE = 300
EXAMPLE = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kid": "2030-01",
    "alg": "EdDSA",
    "use": "sig",
}

blp = Blueprint("keys", __name__, description="Public keys, for verifying tokens elsewhere.")


class JwksSchema(Schema):
    """A JWK Set (RFC 7517)."""

    keys = fields.List(
        fields.Dict(),
        required=True,
        metadata={"description": "None where tokens are signed by a shared secret.", "example": [EXAMPLE]},
    )


@blp.get("/.well-known/jwks.json")
@blp.response(200, JwksSchema, headers=("ETag", "Access-Control-Allow-Origin"))
@public
def show_jwks() -> Response:
    """Show the public keys that verify our tokens."""
    response = Response(to_json(ring().published), content_type="application/json")
    response.cache_control.public = True
    response.cache_control.max_age = MAX_AGE
    response.add_etag()
    response.make_conditional(request)
    return response
