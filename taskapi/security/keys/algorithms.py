"""The algorithms (RFC 7518, RFC 8037, RFC 9864): what each asks of its key, and new keys for them."""

import secrets
from typing import Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from taskapi.security import base64url

Jwk = dict[str, Any]
RSA_LEAST: Final = 2048
RSA_ADVISED: Final = 3072


class Algorithm(NamedTuple):
    """The kind of key of an algorithm: its type, its curve, and the least bytes of an HMAC secret."""

    kty: str
    crv: str | None = None
    least: int = 0


ALGORITHMS: Final = {
    "HS256": Algorithm("oct", least=32),
    "HS384": Algorithm("oct", least=48),
    "HS512": Algorithm("oct", least=64),
    "RS256": Algorithm("RSA"),
    "RS384": Algorithm("RSA"),
    "RS512": Algorithm("RSA"),
    "PS256": Algorithm("RSA"),
    "ES256": Algorithm("EC", "P-256"),
    "ES384": Algorithm("EC", "P-384"),
    "EdDSA": Algorithm("OKP", "Ed25519"),
    "Ed25519": Algorithm("OKP", "Ed25519"),  # the same signatures, by the name of RFC 9864
}
PYJWT_NAMES: Final = {"Ed25519": "EdDSA"}
jwt.register_algorithm("Ed25519", OKPAlgorithm())
UNUSABLE: Final = f"is of a kind that none of {', '.join(ALGORITHMS)} uses"
CURVES: Final = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1}


class UnfitKeyError(ValueError):
    """A key that is not fit for its algorithm or its place; the message says why, and holds no part of the key."""


def generate(alg: str) -> Jwk:
    """Return a new private key for an algorithm."""
    kind = ALGORITHMS[alg]
    if kind.kty == "oct":
        return {"kty": "oct", "k": base64url.encode(secrets.token_bytes(kind.least))}
    if kind.kty == "RSA":
        return jwk_of(rsa.generate_private_key(65537, RSA_ADVISED))
    if kind.kty == "EC":
        return jwk_of(ec.generate_private_key(CURVES[kind.crv or ""]()))
    return jwk_of(ed25519.Ed25519PrivateKey.generate())


def jwk_of(key: Any) -> Jwk:
    """Return a key of `cryptography` as a JWK. Raises UnfitKeyError for a kind that no algorithm of ours uses."""
    jwk: Jwk
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        jwk = RSAAlgorithm.to_jwk(key, as_dict=True)
        del jwk["key_ops"]
    elif isinstance(getattr(key, "curve", None), tuple(CURVES.values())):
        jwk = ECAlgorithm.to_jwk(key, as_dict=True)
    elif isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        jwk = OKPAlgorithm.to_jwk(key, as_dict=True)
    else:
        raise UnfitKeyError(UNUSABLE)
    return jwk


def default_alg(jwk: Jwk) -> str:
    """Return the first algorithm that a key could be for. Raises UnfitKeyError where there is none."""
    for alg, kind in ALGORITHMS.items():
        if (jwk.get("kty"), jwk.get("crv")) == (kind.kty, kind.crv):
            return alg
    raise UnfitKeyError(UNUSABLE)
