"""Keys: the algorithms (RFC 7518, RFC 8037, RFC 9864), JWKs (RFC 7517), and checked keys that are ready for use."""

import hmac
import json
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeVar

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from taskapi.security.jws import base64url_decode, base64url_encode

Jwk = dict[str, Any]
Member = TypeVar("Member", bound=StrEnum)


class Algorithm(NamedTuple):
    """The key type and curve of an algorithm, and the minimum length of an HMAC secret in bytes."""

    kty: str
    crv: str | None = None
    min_bytes: int = 0


ALGORITHMS: Final = {
    "HS256": Algorithm("oct", min_bytes=32),
    "HS384": Algorithm("oct", min_bytes=48),
    "HS512": Algorithm("oct", min_bytes=64),
    "RS256": Algorithm("RSA"),
    "RS384": Algorithm("RSA"),
    "RS512": Algorithm("RSA"),
    "PS256": Algorithm("RSA"),
    "ES256": Algorithm("EC", "P-256"),
    "ES384": Algorithm("EC", "P-384"),
    "EdDSA": Algorithm("OKP", "Ed25519"),
    "Ed25519": Algorithm("OKP", "Ed25519"),  # the same signatures, under the name of RFC 9864
}
PYJWT_NAMES: Final = {"Ed25519": "EdDSA"}
jwt.register_algorithm("Ed25519", jwt.get_algorithm_by_name("EdDSA"))
UNSUPPORTED: Final = f"is of a kind that none of {', '.join(ALGORITHMS)} uses"
CURVES: Final = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1}
RSA_MIN_BITS: Final = 2048
RSA_ADVISED_BITS: Final = 3072
REQUIRED_MEMBERS: Final = {
    "oct": ("k", "kty"),
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}
METADATA: Final = ("kid", "alg", "use", "state", "since")
MAX_KID_LENGTH: Final = 128


class InvalidKeyError(ValueError):
    """A key is invalid for its algorithm or its use. The message says why and contains no part of the key."""


class State(StrEnum):
    """The states of a key, in order: published, signing, only verifying, out of use."""

    STAGED = "staged"
    SIGNING = "signing"
    VERIFYING = "verifying"
    RETIRED = "retired"


class Use(StrEnum):
    """The use of a key: to sign tokens, or to derive the secrets of cursors, CSRF values and refresh tokens."""

    SIG = "sig"
    SEAL = "seal"


@dataclass(frozen=True, slots=True)
class Key:
    """A key and its only algorithm. For a public key, `private` is None and `secret` empty."""

    kid: str
    alg: str
    use: Use
    state: State
    public: Any = field(repr=False)
    private: Any = field(repr=False)
    secret: bytes = field(repr=False)
    jwk: Jwk = field(repr=False, compare=False)

    def derive(self, purpose: str) -> bytes:
        """Return 32 secret bytes for a purpose other than signing tokens. Raises InvalidKeyError for a public key."""
        if not self.secret:
            raise InvalidKeyError("is public")
        return hmac.digest(self.secret, f"taskapi {purpose}".encode(), "sha256")


def read_key(jwk: Jwk) -> Key:
    """Check a member of a key set, and return it as a key. Raises InvalidKeyError."""
    alg = _read_alg(jwk)
    material, secret = _read_material(jwk, alg)
    key = Key(
        kid=_read_kid(jwk),
        alg=alg,
        use=_read_enum(Use, jwk.get("use", Use.SIG)),
        state=_read_enum(State, jwk.get("state", default_state(jwk))),
        public=material.public_key() if hasattr(material, "public_key") else material,
        private=material if secret else None,
        secret=secret,
        jwk=jwk,
    )
    if key.private is None and (key.state == State.SIGNING or key.use == Use.SEAL):
        raise InvalidKeyError("is a public key where a private one is needed")
    _check_length(key)
    _check_signature(key)
    return key


def generate_key(alg: str) -> Jwk:
    """Return a new private key for an algorithm."""
    kind = ALGORITHMS[alg]
    if kind.kty == "oct":
        return secret_to_jwk(secrets.token_bytes(kind.min_bytes))
    if kind.kty == "RSA":
        return to_jwk(rsa.generate_private_key(65537, RSA_ADVISED_BITS))
    if kind.kty == "EC":
        return to_jwk(ec.generate_private_key(CURVES[kind.crv or ""]()))
    return to_jwk(ed25519.Ed25519PrivateKey.generate())


def to_jwk(key: Any) -> Jwk:
    """Return a key of `cryptography` as a JWK. Raises InvalidKeyError if no supported algorithm uses its kind."""
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        alg = "RS256"
    elif isinstance(getattr(key, "curve", None), tuple(CURVES.values())):
        alg = "ES256"
    elif isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        alg = "EdDSA"
    else:
        raise InvalidKeyError(UNSUPPORTED)
    jwk: Jwk = jwt.get_algorithm_by_name(alg).to_jwk(key, as_dict=True)
    jwk.pop("key_ops", None)
    return jwk


def secret_to_jwk(secret: bytes) -> Jwk:
    """Return an HMAC secret as a JWK."""
    return {"kty": "oct", "k": base64url_encode(secret)}


def pem_to_jwk(pem: bytes) -> Jwk:
    """Return a private or public PEM key as a JWK. Raises InvalidKeyError."""
    try:
        key = load_pem_private_key(pem, None) if b"PRIVATE KEY" in pem else load_pem_public_key(pem)
    except TypeError:
        raise InvalidKeyError("is encrypted; give it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKeyError("is not a PEM key") from None
    return to_jwk(key)


def load_jwk(data: bytes) -> Jwk:
    """Return a PEM key or a JWK as a checked JWK. Raises InvalidKeyError."""
    if b"-----BEGIN" in data:
        return pem_to_jwk(data)
    try:
        jwk = json.loads(data)
    except ValueError:
        raise InvalidKeyError("is neither a PEM key nor a JWK") from None
    if not isinstance(jwk, dict):
        raise InvalidKeyError("is not a JWK")
    read_key(jwk)
    return jwk


def default_alg(jwk: Jwk) -> str:
    """Return the first algorithm that can use a key. Raises InvalidKeyError if there is none."""
    for alg, kind in ALGORITHMS.items():
        if (jwk.get("kty"), jwk.get("crv")) == (kind.kty, kind.crv):
            return alg
    raise InvalidKeyError(UNSUPPORTED)


def default_state(jwk: Jwk) -> State:
    """Return the state of a JWK without one: a private key signs, a public one verifies."""
    return State.SIGNING if is_private(jwk) else State.VERIFYING


def is_private(jwk: Jwk) -> bool:
    """Tell whether a JWK can sign."""
    return "k" in jwk or "d" in jwk


def thumbprint(jwk: Jwk) -> str:
    """Return the SHA-256 thumbprint of a key (RFC 7638)."""
    members = {name: jwk[name] for name in REQUIRED_MEMBERS[jwk["kty"]]}
    return base64url_encode(sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())


def public_part(jwk: Jwk) -> Jwk:
    """Return the public members of a JWK, with its metadata."""
    names = (*(name for name in REQUIRED_MEMBERS[jwk["kty"]] if name != "k"), *METADATA)
    return {name: jwk[name] for name in names if name in jwk}


def _read_alg(jwk: Jwk) -> str:
    alg = jwk.get("alg") or default_alg(jwk)
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise InvalidKeyError(f"has the algorithm {alg}; known are {', '.join(ALGORITHMS)}")
    kind = ALGORITHMS[alg]
    if (jwk.get("kty"), jwk.get("crv")) != (kind.kty, kind.crv):
        raise InvalidKeyError(f"is not of the kind that {alg} needs: {kind.crv or kind.kty}")
    return alg


def _read_material(jwk: Jwk, alg: str) -> tuple[Any, bytes]:
    """Return a key as PyJWT takes it, and its secret bytes."""
    try:
        return jwt.PyJWK(jwk, PYJWT_NAMES.get(alg, alg)).key, base64url_decode(jwk.get("k") or jwk.get("d", ""))
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        raise InvalidKeyError(f"is not a valid {jwk['kty']} key") from None


def _read_kid(jwk: Jwk) -> str:
    kid = jwk.get("kid") or thumbprint(jwk)
    if not isinstance(kid, str) or len(kid) > MAX_KID_LENGTH or not kid.isprintable():
        raise InvalidKeyError(f"has a kid that is not text of up to {MAX_KID_LENGTH} characters")
    return kid


def _read_enum(kind: type[Member], value: Any) -> Member:
    try:
        return kind(value)
    except ValueError:
        raise InvalidKeyError(f"has the value {value!r}; allowed are {', '.join(kind)}") from None


def _check_length(key: Key) -> None:
    kind = ALGORITHMS[key.alg]
    if len(key.secret) < kind.min_bytes:
        raise InvalidKeyError(f"is too short: {key.alg} needs at least {kind.min_bytes} bytes (RFC 7518, section 3.2)")
    if kind.kty == "RSA" and key.public.key_size < RSA_MIN_BITS:
        raise InvalidKeyError(f"is too small: RSA keys have at least {RSA_MIN_BITS} bits (RFC 7518, section 3.3)")


def _check_signature(key: Key) -> None:
    """Sign and verify once, to find a private and a public part that do not match before the first sign-in."""
    if key.private is None:
        return
    try:
        jwt.decode(jwt.encode({}, key.private, key.alg), key.public, [key.alg])
    except jwt.InvalidKeyError:
        raise InvalidKeyError("is a PEM, DER or JWK key, not an HMAC secret") from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise InvalidKeyError("does not verify its own signature") from None
