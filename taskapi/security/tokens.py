"""Access tokens: what they contain, how they are issued, verified and revoked (RFC 7519, RFC 8725, RFC 9068).

Tokens that are revoked before they expire are on the denylist, by token or by session. It is a table, written in the
transaction that revokes. A request reads it in one statement. A user is revoked by their `epoch`: a token with a lower
epoch is revoked, and so is the token of a user who does not exist.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import jwt
from flask import Flask, current_app
from flask_jwt_extended import JWTManager, create_access_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from sqlalchemy import BigInteger, ForeignKey, bindparam, column, delete, exists, literal, select, table, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.api import problem
from taskapi.config import Settings, settings
from taskapi.context import current_g
from taskapi.database import NO_RLS, Id, Model, PreparedStatement, UtcDateTime, db, now, reader
from taskapi.ops.metrics import DENYLIST
from taskapi.security.jws import Members, parse_token
from taskapi.security.keys import ALGORITHMS, Key, current_key_set, key_reloader

TYP: Final = "at+jwt"
LEEWAY: Final = 5  # seconds by which clocks may differ
MAX_CACHED: Final = 20_000  # verified tokens, 1.7 KB each
MARK: Final = 1_000_000  # by which `revoke_everything` raises an epoch at least; other changes raise it by one

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
    amr: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenSubject:
    """The user that a token is issued to, as its claims describe them."""

    user_id: UUID
    name: str
    roles: list[str]
    epoch: int
    amr: list[str]


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


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


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
    "roles": Claim("the roles, which grant permissions", _are_words),
    "epoch": Claim("a counter of the user; a higher one revokes all tokens issued before", _is_whole),
    "type": Claim("the kind of token", lambda value: value == "access"),
    "fresh": Claim("whether a password was entered for it", lambda value: isinstance(value, bool), required=False),
    "amr": Claim("how the user signed in: `pwd`, `otp` … (RFC 8176)", _are_words, required=False),
    "csrf": Claim("the X-CSRF-TOKEN value for cookies", lambda value: isinstance(value, str), required=False),
    "name": Claim("the display name; nothing depends on it", lambda _: True, required=False),
}


class DenylistEntry(Model):
    """A revoked token (`subject` is its jti) or session (its id), kept until its tokens have expired.

    Without row-level security: if a policy hid a row, its token would be accepted.
    """

    __tablename__ = "denylist"
    __table_args__ = {"info": NO_RLS}  # noqa: RUF012 - SQLAlchemy's

    owner_id: Mapped[UUID] = mapped_column(Id(), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


_USERS = table("users", column("id", Id()), column("epoch", BigInteger()))
_DENIED = exists().where(
    DenylistEntry.owner_id == bindparam("user"),
    DenylistEntry.subject.in_([bindparam("token"), bindparam("session")]),
)
_IS_VALID = PreparedStatement(
    select(literal(1).label("valid")).where(
        _USERS.c.id == bindparam("user"), _USERS.c.epoch <= bindparam("epoch"), ~_DENIED
    )
)
_INSERT_ENTRY = text(
    "INSERT INTO denylist (owner_id, subject, expires_at) VALUES (:owner_id, :subject, :expires_at) "
    "ON CONFLICT (owner_id, subject) DO UPDATE SET expires_at = excluded.expires_at"
).bindparams(bindparam("owner_id", type_=Id()), bindparam("expires_at", type_=UtcDateTime()))
_GOOD, _REVOKED, _UNAVAILABLE = (DENYLIST.labels(result) for result in ("good", "revoked", "unavailable"))


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
    claims |= {"roles": subject.roles, "epoch": subject.epoch, "amr": subject.amr}
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
        amr=tuple(claims.get("amr", ())),
    )


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


def revoke_tokens(user_id: UUID, subject: str) -> None:
    """Revoke the access tokens of a user that have this session id, or the one that has this `jti`.

    Does not commit, so that a session ends in the same transaction.
    """
    expires_at = now() + timedelta(seconds=settings().access_token_seconds + 2 * LEEWAY)
    db.session.execute(_INSERT_ENTRY, {"owner_id": user_id, "subject": subject, "expires_at": expires_at})


def is_revoked(caller: Caller) -> bool:
    """Tell whether the caller's token, session or user is revoked. Responds 503 if the database cannot be read."""
    values = {"user": caller.id, "epoch": caller.epoch, "token": caller.jti, "session": caller.sid}
    try:
        valid = _IS_VALID.all(reader(), values)
    except SQLAlchemyError as error:
        _UNAVAILABLE.inc()
        current_app.logger.warning("the denylist cannot be read: %s", error)
        problem("unavailable")
    (_GOOD if valid else _REVOKED).inc()
    return not valid


def prune_denylist(user_id: UUID | None = None) -> int:
    """Delete the entries whose tokens have expired, those of one user or of all; return how many."""
    expired = delete(DenylistEntry).where(DenylistEntry.expires_at < now())
    deleted: Any = db.session.execute(expired if user_id is None else expired.where(DenylistEntry.owner_id == user_id))
    return int(deleted.rowcount)


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
