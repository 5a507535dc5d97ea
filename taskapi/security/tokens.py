"""Access tokens: what they contain, how they are issued, and how they are verified (RFC 7519, RFC 8725, RFC 9068)."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple, NoReturn
from uuid import UUID, uuid4

import jwt
from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException

from taskapi.api import problem
from taskapi.config import Settings, settings
from taskapi.context import current_g
from taskapi.security import base64url
from taskapi.security.keys import ALGORITHMS, Key, current_key_set, key_reloader

TYP: Final = "at+jwt"
LEEWAY: Final = 5  # seconds by which clocks may differ
MAX_LENGTH: Final = 8192  # characters of a token
MAX_CACHED: Final = 20_000  # verified tokens

Members = dict[str, Any]

jwt_manager = JWTManager()


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a verified token. `valid_from` and `valid_until` are Unix seconds and include the leeway.

    `sub`, `sid` and `jti` are the claims as text, so that requests need not format ids.
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
class TokenSubject:
    """The user that a token is issued to, as its claims describe them."""

    user_id: UUID
    name: str
    roles: list[str]
    epoch: int


class Claim(NamedTuple):
    """A claim: its meaning, the check of its value, and whether a token must have it."""

    meaning: str
    is_valid: Callable[[Any], bool]
    required: bool = True


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != "" and value.isprintable()


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


def _are_roles(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(role, str) for role in value)


HEADER: Final = {
    "alg": "the signature algorithm; it must be that of the key",
    "kid": "the key that signed it",
    "typ": "the type: an access token (RFC 9068)",
}  # any other member is refused: jwk, jku, x5u, x5c, crit, b64, zip …
CLAIMS: Final = {
    "iss": Claim("the issuer", lambda value: value == settings().jwt_issuer),
    "aud": Claim("the audience", lambda value: value == settings().jwt_audience),
    "sub": Claim("the subject: a user id", _is_uuid),
    "iat": Claim("issued at", _is_whole),
    "nbf": Claim("not valid before", _is_whole),
    "exp": Claim("expires at", _is_whole),
    "jti": Claim("the id of the token", _is_text),
    "sid": Claim("the id of the session", _is_uuid),
    "client_id": Claim("the client that it was issued to (RFC 9068)", _is_text, required=False),
    "roles": Claim("the roles, which grant permissions", _are_roles),
    "epoch": Claim("a counter of the user; a higher one revokes all tokens issued before", _is_whole),
    "type": Claim("the kind of token", lambda value: value == "access"),
    "fresh": Claim("whether a password was entered for it", lambda value: isinstance(value, bool), required=False),
    "csrf": Claim("the X-CSRF-TOKEN value for cookies", lambda value: isinstance(value, str), required=False),
    "name": Claim("the display name; nothing depends on it", lambda _: True, required=False),
}


def caller() -> Caller:
    """Return the caller. A view that is not public always has one."""
    found: Caller = current_g().caller
    return found


def issue_token(subject: TokenSubject, session_id: UUID, *, fresh: bool, csrf: str | None = None) -> str:
    """Return a new access token, with a CSRF value if it is for a cookie.

    Reads the key once, so that key, `kid` and algorithm match.
    """
    key = require_signing_key()
    claims: dict[str, Any] = {"client_id": settings().jwt_client_id, "sid": str(session_id), "name": subject.name}
    claims |= {"roles": subject.roles, "epoch": subject.epoch}
    if csrf:
        claims["csrf"] = csrf
    token: str = create_access_token(
        identity=_Identity(str(subject.user_id), key),
        fresh=fresh,
        expires_delta=timedelta(seconds=settings().access_token_seconds),
        additional_claims={**claims, "jti": str(uuid4())},
        additional_headers={"alg": key.alg, "kid": key.kid, "typ": TYP},
    )
    return token


def require_signing_key() -> Key:
    """Return the signing key, or respond 503 on an instance that only verifies."""
    return current_key_set().signing or problem("signing_unavailable")


def verify_token(token: str) -> Caller:
    """Return the caller of a token, or respond 401. Verified tokens are cached by their exact string."""
    cache: dict[str, Caller] = current_key_set().verified
    found = cache.get(token)
    if found is None:
        found = _verify_uncached(token)
        if len(cache) >= MAX_CACHED:
            cache.clear()
        cache[token] = found
    moment = time.time()
    if moment >= found.valid_until:
        problem("token_expired")
    if moment < found.valid_from:
        problem("token_invalid")
    return found


def _verify_uncached(token: str) -> Caller:
    try:
        parse_token(token)
    except ValueError:
        problem("token_malformed")
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


def parse_token(token: str) -> tuple[Members, Members]:
    """Return the header and the claims of a compact JWS (RFC 7515, section 7.1), unverified. Raises ValueError."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError(f"it has {len(parts) - 1} dots, not 2")
    if len(token) > MAX_LENGTH:
        raise ValueError(f"it has {len(token)} characters; at most {MAX_LENGTH} are allowed")
    try:
        header, payload, _signature = map(base64url.decode, parts)
        return _parse_object(header), _parse_object(payload)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _parse_object(data: bytes) -> Members:
    found = json.loads(data.decode(), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    if not isinstance(found, dict):
        raise ValueError("one of its parts is not a JSON object")  # noqa: TRY004 - as for any other text
    return found


def _without_duplicates(pairs: list[tuple[str, Any]]) -> Members:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("it has a member twice")
    return members


def _refuse_constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not JSON")


def _find_key(header: Members, claims: Members) -> Any:
    """Return the public key that the header names, after checking header and claims; the signature is checked next.

    Header and claims are unchanged here; flask-jwt-extended fills in missing claims later.
    """
    kid = header.get("kid")
    key = None
    if isinstance(kid, str):
        key = current_key_set().keys.get(kid) or key_reloader().reload_for_unknown_kid().keys.get(kid)
    if key is None:
        raise jwt.InvalidTokenError("its kid is not that of a known key")
    if error := _header_error(header, key) or _claims_error(claims):
        raise jwt.InvalidTokenError(error)
    return key.public


def _header_error(header: Members, key: Key) -> str | None:
    """Return what is wrong with a header, given the key that it names, or None."""
    if unknown := header.keys() - HEADER.keys():
        return f"its header has {', '.join(sorted(map(repr, unknown)))}"
    if header.get("typ") != TYP:
        return f"its typ is not {TYP}"
    return None if header.get("alg") == key.alg else f"its alg is not {key.alg}, the algorithm of its key"


def _claims_error(claims: Members) -> str | None:
    """Return what is wrong with the claims, or None. Expiry is checked after the signature."""
    for name, claim in CLAIMS.items():
        if name not in claims and claim.required:
            return f"it has no {name}"
        if name in claims and not claim.is_valid(claims[name]):
            return f"its {name} is not accepted"
    if claims["iat"] > time.time() + LEEWAY:
        return "it was issued in the future"
    life, longest = claims["exp"] - claims["iat"], settings().access_token_seconds
    return None if 0 < life <= longest else f"it is valid for {life} seconds; 1 to {longest} are allowed"


@dataclass(frozen=True, slots=True)
class _Identity:
    subject: str
    key: Key


def init_tokens(app: Flask, settings: Settings) -> None:
    """Configure flask-jwt-extended to sign and verify with the key set."""
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
    jwt_manager.decode_key_loader(_find_key)
