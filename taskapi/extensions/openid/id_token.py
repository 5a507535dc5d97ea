"""Verify an ID token with the keys of the provider (OpenID Connect Core 1.0, section 3.1.3.7)."""

import hmac
from collections.abc import Callable
from typing import Any, Final

import jwt

from taskapi.security.jws import Members, parse_token

LEEWAY: Final = 30  # seconds by which clocks may differ
MIN_RSA_BITS: Final = 2048
# The algorithms that are accepted, with the type and the curve of their keys. None is symmetric: with a public key as
# its secret, anybody could sign
ALGORITHMS: Final = {
    "RS256": ("RSA", None), "RS384": ("RSA", None), "RS512": ("RSA", None), "PS256": ("RSA", None),
    "PS384": ("RSA", None), "PS512": ("RSA", None), "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"),
    "EdDSA": ("OKP", "Ed25519"),
}  # fmt: skip
REQUIRED: Final = ["iss", "sub", "aud", "exp", "iat", "nonce"]
Keys = Callable[..., list[Members]]


def read_keys(document: Members) -> list[Members]:
    """Return the keys of a JWK Set that may verify ID tokens."""
    keys = document.get("keys")
    members = [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
    return [key for key in members if key.get("use", "sig") == "sig"]


def verify_id_token(token: Any, keys: Keys, *, issuer: str, client_id: str, nonce: str) -> Members:
    """Return the claims of an ID token. Raises ValueError. `keys` returns the keys, with `newer=True` read again."""
    try:
        header, _ = parse_token(token if isinstance(token, str) else "")
        expected: Any = {"issuer": issuer, "audience": client_id, "options": {"require": REQUIRED}}
        claims: Members = jwt.decode(token, _find_key(header, keys), [header["alg"]], leeway=LEEWAY, **expected)
        _check_claims(claims, client_id, nonce)
    except (jwt.PyJWTError, TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None
    return claims


def _find_key(header: Members, keys: Keys) -> Any:
    """Return the public key for a header. Raises ValueError without exactly one. The header names no key by itself."""
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or alg not in ALGORITHMS or "crit" in header:
        raise ValueError(f"its alg is {str(alg)[:20]!r}, or its header has crit")
    found = _matching(keys(), alg, kid) or _matching(keys(newer=True), alg, kid)
    if len(found) != 1:
        raise ValueError(f"{len(found)} keys of the provider match its header")
    key = jwt.PyJWK(found[0], algorithm=alg).key
    if ALGORITHMS[alg][0] == "RSA" and key.key_size < MIN_RSA_BITS:
        raise ValueError("its RSA key is too short")
    return key


def _matching(keys: list[Members], alg: str, kid: Any) -> list[Members]:
    """Return the keys of the type for an algorithm, and with the kid if the token has one."""
    kty, crv = ALGORITHMS[alg]
    required = {"kty": kty, **({"crv": crv} if crv else {}), **({} if kid is None else {"kid": kid})}
    return [key for key in keys if key.get("alg", alg) == alg and required.items() <= key.items()]


def _check_claims(claims: Members, client_id: str, nonce: str) -> None:
    """Check what PyJWT does not. Raises ValueError."""
    if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise ValueError("its nonce is not that of this sign-in")
    has_others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if has_others else client_id) != client_id:
        raise ValueError("it was issued to another client")
    if not all(type(claims[name]) is int for name in ("exp", "iat")):
        raise ValueError("its times are invalid")
    subject = claims["sub"]
    if not 1 <= len(subject) <= 255 or not subject.isprintable():
        raise ValueError("its sub is invalid")
