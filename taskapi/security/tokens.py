"""Access tokens: issue them, and verify them as strictly as RFC 8725 and RFC 9068 ask."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import jwt
from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException

from taskapi.api import problem
from taskapi.config import Settings, settings
from taskapi.context import current_g
from taskapi.security.claims import LEEWAY, TYP, claims_fault, header_fault, take_apart
from taskapi.security.keys import ALGORITHMS, Key, current_key_set, key_reloader

REMEMBERED: Final = 20_000

jwt_manager = JWTManager()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, as their token says it. `valid_from` and `valid_until` are Unix seconds, leeway included.

    `sub`, `sid` and `jti` are the claims as they came; no request has to write an id out again.
    """

    id: UUID
    session_id: UUID
    sub: str
    sid: str
    jti: str
    roles: tuple[str, ...]
    epoch: int
    fresh: bool
    csrf: str = field(repr=False)
    valid_from: int
    valid_until: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What a token says of a person."""

    user_id: UUID
    name: str
    roles: list[str]
    epoch: int


def caller() -> Caller:
    """Return who is calling; there is always one in a view that is not public."""
    found: Caller = current_g().caller
    return found


def issue(standing: Standing, session_id: UUID, *, fresh: bool, csrf: str | None = None) -> str:
    """Return a new access token, tied to a CSRF value if it is for a cookie.

    Key, `kid` and algorithm are one snapshot of the key set.
    """
    key = require_signing()
    claims: dict[str, Any] = {"client_id": settings().jwt_client_id, "sid": str(session_id), "name": standing.name}
    claims |= {"roles": standing.roles, "epoch": standing.epoch}
    if csrf:
        claims["csrf"] = csrf
    token: str = create_access_token(
        identity=_Identity(str(standing.user_id), key),
        fresh=fresh,
        expires_delta=timedelta(seconds=settings().access_token_seconds),
        additional_claims={**claims, "jti": str(uuid4())},
        additional_headers={"alg": key.alg, "kid": key.kid, "typ": TYP},
    )
    return token


def require_signing() -> Key:
    """Return the key that signs, or answer 503 where we only verify."""
    return current_key_set().signing or problem("signing_unavailable")


def verify(token: str) -> Caller:
    """Return whom a token speaks for, or answer 401. A token that was verified once is remembered by its exact text."""
    remembered: dict[str, Caller] = current_key_set().verified
    found = remembered.get(token)
    if found is None:
        found = _verify_anew(token)
        if len(remembered) >= REMEMBERED:
            remembered.clear()
        remembered[token] = found
    moment = time.time()
    if moment >= found.valid_until:
        problem("token_expired")
    if moment < found.valid_from:
        problem("token_invalid")
    return found


def init_tokens(app: Flask, settings: Settings) -> None:
    """Set flask-jwt-extended up to sign and verify with the key set."""
    app.config.update(
        JWT_DECODE_ALGORITHMS=list(ALGORITHMS),
        JWT_ENCODE_ISSUER=settings.jwt_issuer,
        JWT_DECODE_ISSUER=settings.jwt_issuer,
        JWT_ENCODE_AUDIENCE=settings.jwt_audience,
        JWT_DECODE_AUDIENCE=settings.jwt_audience,
        JWT_DECODE_LEEWAY=LEEWAY,
        JWT_TOKEN_LOCATION=["headers"],
        JWT_COOKIE_CSRF_PROTECT=False,
    )
    jwt_manager.init_app(app)
    jwt_manager.user_identity_loader(lambda identity: identity.subject)
    jwt_manager.encode_key_loader(lambda identity: identity.key.private)
    jwt_manager.decode_key_loader(_key_of)


@dataclass(frozen=True, slots=True)
class _Identity:
    subject: str
    key: Key


def _verify_anew(token: str) -> Caller:
    _check_form(token)
    try:
        claims = decode_token(token)
    except jwt.ExpiredSignatureError:
        problem("token_expired")
    except (jwt.PyJWTError, JWTExtendedException, RecursionError):
        problem("token_invalid")
    return Caller(
        UUID(claims["sub"]),
        UUID(claims["sid"]),
        claims["sub"],
        claims["sid"],
        claims["jti"],
        tuple(claims["roles"]),
        claims["epoch"],
        claims["fresh"],
        claims.get("csrf", ""),
        valid_from=claims["nbf"] - LEEWAY,
        valid_until=claims["exp"] + LEEWAY,
    )


def _check_form(token: str) -> None:
    """Answer `token_malformed` for what is no compact JWS of two JSON objects."""
    try:
        take_apart(token)
    except ValueError:
        problem("token_malformed")


def _key_of(header: dict[str, Any], claims: dict[str, Any]) -> Any:
    """Return the key that the token names, once all that it says is of the right kind; the signature is checked next.

    Here header and claims are still raw: flask-jwt-extended later fills in what is missing.
    """
    kid = header.get("kid")
    key = _find_key(kid) if isinstance(kid, str) else None
    if fault := header_fault(header, key) or claims_fault(claims):
        raise jwt.InvalidTokenError(fault)
    return key and key.public


def _find_key(kid: str) -> Key | None:
    return current_key_set().keys.get(kid) or key_reloader().reload_for_unknown_kid().keys.get(kid)
