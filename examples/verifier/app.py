"""A separate service that verifies tokens of the Task API with its published keys. They share no secret."""

import os
from typing import Any

import jwt
from flask import Flask, jsonify
from flask_jwt_extended import JWTManager, get_jwt, jwt_required

# Only asymmetric algorithms: with an HMAC key, this service could sign too. PyJWT knows Ed25519 only as EdDSA
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
REQUIRED = {"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "roles", "epoch", "type"}


def create_app(jwks_url: str | None = None) -> Flask:
    """Create the service; `jwks_url` is the URL of the published keys of the Task API."""
    app = Flask(__name__)
    app.config.update(
        JWT_ALGORITHM="ES256",
        JWT_DECODE_ALGORITHMS=ALGORITHMS,
        JWT_DECODE_ISSUER=os.environ.get("ISSUER", "taskapi"),
        JWT_DECODE_AUDIENCE=os.environ.get("AUDIENCE", "taskapi"),
        JWT_DECODE_LEEWAY=5,
        JWT_ERROR_MESSAGE_KEY="detail",
    )
    # A key is published minutes before it signs, so the cache knows it by then
    published = jwt.PyJWKClient(jwks_url or os.environ["JWKS_URL"], lifespan=60, timeout=5, cooldown_duration=5)
    manager = JWTManager(app)
    manager.decode_key_loader(lambda header, claims: find_key(published, header, claims))
    manager.invalid_token_loader(lambda _why: (jsonify(detail="Invalid token."), 401, {"WWW-Authenticate": "Bearer"}))
    app.register_error_handler(
        jwt.PyJWKClientConnectionError, lambda _: (jsonify(detail="The keys are not available."), 503)
    )
    app.add_url_rule("/whoami", view_func=whoami)
    return app


def find_key(published: jwt.PyJWKClient, header: dict[str, Any], claims: dict[str, Any]) -> Any:
    """Return the published key of an access token whose algorithm is that of the key."""
    kid = header.get("kid")
    if header.get("typ") != "at+jwt" or "crit" in header or not isinstance(kid, str) or not claims.keys() >= REQUIRED:
        raise jwt.InvalidTokenError("not an access token")
    try:
        key = published.get_signing_key(kid)
    except jwt.PyJWKClientConnectionError:
        raise
    except jwt.PyJWKClientError:
        raise jwt.InvalidTokenError("unknown key") from None
    if header.get("alg") != key.algorithm_name:
        raise jwt.InvalidTokenError("not the algorithm of the key")
    return key.key


@jwt_required()
def whoami() -> Any:
    """Return the user of the token."""
    claims = get_jwt()
    return jsonify(id=claims["sub"], name=claims["name"], roles=claims["roles"])
