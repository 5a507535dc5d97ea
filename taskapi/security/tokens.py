"""Access tokens: issue them, and verify them as strictly as RFC 8725 and RFC 9068 ask."""

import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NoReturn
from uuid import UUID, uuid4

import jwt
from flask import Flask, g
from flask_jwt_extended import JWTManager, create_access_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException

from taskapi.api import problem
from taskapi.config import Settings, settings
from taskapi.security import base64url
from taskapi.security.keys import ALGORITHMS, Key, live_ring, ring

TYP: Final = "at+jwt"
LEEWAY: Final = 5
MAX_LENGTH: Final = 8192
REMEMBERED: Final = 20_000
HEADER: Final = {"alg", "kid", "typ"}  # any other member is refused: jwk, jku, x5u, x5c, crit, b64, zip …
TIMES: Final = ("iat", "nbf", "exp")
STRINGS: Final = ("iss", "aud", "sub", "jti", "sid", "type")

jwt_manager = JWTManager()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, as their token says it. `valid_from` and `valid_until` are Unix seconds, leeway included."""

    id: UUID
    session_id: UUID
    token_id: str
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
    found: Caller = g.caller
    return found


def issue(standing: Standing, session_id: UUID, *, fresh: bool, csrf: str | None = None) -> str:
    """Return a new access token, tied to a CSRF value if it is for a cookie.

    Key, `kid` and algorithm are one snapshot of the ring.
    """
    key = require_signing()
    claims = {"sid": str(session_id), "name": standing.name, "roles": standing.roles, "epoch": standing.epoch}
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
    return ring().signing or problem("signing_unavailable")


def verify(token: str) -> Caller:
    """Return whom a token speaks for, or answer 401. A token that was verified once is remembered by its exact text."""
    remembered: dict[str, Caller] = ring().verified
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
    """Set flask-jwt-extended up to sign and verify with the ring."""
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
        claims["jti"],
        tuple(claims["roles"]),
        claims["epoch"],
        claims["fresh"],
        claims.get("csrf", ""),
        valid_from=claims["nbf"] - LEEWAY,
        valid_until=claims["exp"] + LEEWAY,
    )


def _check_form(token: str) -> None:
    """Answer `token_malformed` for what is no compact JWS (RFC 7515, section 7.1) of two JSON objects."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > MAX_LENGTH:
        problem("token_malformed")
    try:
        header, payload, _signature = map(base64url.decode, parts)
        if not isinstance(_object(header), dict) or not isinstance(_object(payload), dict):
            problem("token_malformed")
    except (ValueError, RecursionError):
        problem("token_malformed")


def _object(data: bytes) -> Any:
    return json.loads(data.decode(), object_pairs_hook=_without_duplicates, parse_constant=_refuse)


def _refuse(literal: str) -> NoReturn:
    raise ValueError(literal)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _key_of(header: dict[str, Any], claims: dict[str, Any]) -> Any:
    """Return the key that the token names, once all that it says is of the right kind; the signature is checked next.

    Here header and claims are still raw: flask-jwt-extended later fills in what is missing.
    """
    kid = header.get("kid")
    key = _find_key(kid) if isinstance(kid, str) else None
    if key is None or not header.keys() <= HEADER or header.get("typ") != TYP or header.get("alg") != key.alg:
        raise jwt.InvalidTokenError("header")
    if not _claims_are_sound(claims):
        raise jwt.InvalidTokenError("claims")
    return key.public


def _find_key(kid: str) -> Key | None:
    return ring().keys.get(kid) or live_ring().reread().keys.get(kid)


def _claims_are_sound(claims: dict[str, Any]) -> bool:
    return (
        all(_is_whole(claims.get(name)) for name in (*TIMES, "epoch"))
        and all(isinstance(claims.get(name), str) and claims[name] for name in STRINGS)
        and isinstance(claims.get("roles"), list)
        and all(isinstance(role, str) for role in claims["roles"])
        and isinstance(claims.get("fresh", False), bool)
        and isinstance(claims.get("csrf", ""), str)
        and claims["type"] == "access"
        and claims["iss"] == settings().jwt_issuer
        and claims["aud"] == settings().jwt_audience
        and claims["iat"] <= time.time() + LEEWAY
        and 0 < claims["exp"] - claims["iat"] <= settings().access_token_seconds
        and _is_uuid(claims["sub"])
        and _is_uuid(claims["sid"])
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
