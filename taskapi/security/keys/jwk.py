"""A key as a JWK (RFC 7517), and ready for use."""

import hmac
import json
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, TypeVar

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from taskapi.security import base64url
from taskapi.security.keys.algorithms import ALGORITHMS, PYJWT_NAMES, RSA_LEAST, Jwk, UnfitKeyError, default_alg, jwk_of

REQUIRED: Final = {
    "oct": ("k", "kty"),
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}
DESCRIPTIVE: Final = ("kid", "alg", "use", "state", "since")
MOST_KID: Final = 128

Word = TypeVar("Word", bound=StrEnum)


class State(StrEnum):
    """Where a key is on its way: published, then in use, then only for what it signed before, then out."""

    STAGED = "staged"
    SIGNING = "signing"
    VERIFYING = "verifying"
    RETIRED = "retired"


class Use(StrEnum):
    """What a key is for: signing tokens, or sealing what only we read: cursors, refresh tokens' successors."""

    SIG = "sig"
    SEAL = "seal"


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the one algorithm it is for. Of a public one, `private` is None and `secret` empty."""

    kid: str
    alg: str
    use: Use
    state: State
    public: Any = field(repr=False)
    private: Any = field(repr=False)
    secret: bytes = field(repr=False)
    jwk: Jwk = field(repr=False, compare=False)

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for another purpose than signing tokens; of a public key they would be no secret."""
        if not self.secret:
            raise UnfitKeyError("is public")
        return hmac.digest(self.secret, f"taskapi {purpose}".encode(), "sha256")


def read_key(jwk: Jwk) -> Key:
    """Return the key that a member of a ring describes, once it was tried. Raises UnfitKeyError."""
    alg = _alg(jwk)
    material, secret = _material(jwk, alg)
    key = Key(
        kid=_kid(jwk),
        alg=alg,
        use=_one_of(Use, jwk.get("use", Use.SIG)),
        state=_one_of(State, jwk.get("state", usual_state(jwk))),
        public=material.public_key() if hasattr(material, "public_key") else material,
        private=material if secret else None,
        secret=secret,
        jwk=jwk,
    )
    _check_place(key)
    _check_strength(key)
    _try_out(key)
    return key


def is_private(jwk: Jwk) -> bool:
    """Tell whether a JWK holds what signs."""
    return "k" in jwk or "d" in jwk


def usual_state(jwk: Jwk) -> State:
    """Return the state of a key that does not say it: alone in the ring as it may be, it signs if it can."""
    return State.SIGNING if is_private(jwk) else State.VERIFYING


def thumbprint(jwk: Jwk) -> str:
    """Return the SHA-256 thumbprint of a key (RFC 7638)."""
    members = {name: jwk[name] for name in REQUIRED[jwk["kty"]]}
    return base64url.encode(sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())


def public_part(jwk: Jwk) -> Jwk:
    """Return what of a JWK may be seen by all."""
    names = (*(name for name in REQUIRED[jwk["kty"]] if name != "k"), *DESCRIPTIVE)
    return {name: jwk[name] for name in names if name in jwk}


def secret_jwk(secret: bytes) -> Jwk:
    """Return an HMAC secret as a JWK."""
    return {"kty": "oct", "k": base64url.encode(secret)}


def load_jwk(data: bytes) -> Jwk:
    """Return a key, given as PEM or as a JWK, as a JWK that is fit for use. Raises UnfitKeyError."""
    if b"-----BEGIN" in data:
        return pem_jwk(data)
    try:
        jwk = json.loads(data)
    except ValueError:
        raise UnfitKeyError("is neither a PEM key nor a JWK") from None
    if not isinstance(jwk, dict):
        raise UnfitKeyError("is no JWK")
    read_key(jwk)
    return jwk


def pem_jwk(pem: bytes) -> Jwk:
    """Return a PEM key as a JWK: private where it is. Raises UnfitKeyError."""
    try:
        return jwk_of(load_pem_private_key(pem, None) if b"PRIVATE KEY" in pem else load_pem_public_key(pem))
    except TypeError:
        raise UnfitKeyError("is encrypted; give it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UnfitKeyError("is not a PEM key") from None


def _alg(jwk: Jwk) -> str:
    alg = jwk.get("alg") or default_alg(jwk)
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise UnfitKeyError(f"has the algorithm {alg}; known are {', '.join(ALGORITHMS)}")
    kind = ALGORITHMS[alg]
    if (jwk.get("kty"), jwk.get("crv")) != (kind.kty, kind.crv):
        raise UnfitKeyError(f"is not of the kind that {alg} needs: {kind.crv or kind.kty}")
    return alg


def _material(jwk: Jwk, alg: str) -> tuple[Any, bytes]:
    """Return a key as PyJWT takes it, and its secret number or text."""
    try:
        return jwt.PyJWK(jwk, PYJWT_NAMES.get(alg, alg)).key, base64url.decode(jwk.get("k") or jwk.get("d", ""))
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        raise UnfitKeyError(f"is no valid {jwk['kty']} key") from None


def _kid(jwk: Jwk) -> str:
    kid = jwk.get("kid") or thumbprint(jwk)
    if not isinstance(kid, str) or len(kid) > MOST_KID or not kid.isprintable():
        raise UnfitKeyError(f"has a kid that is no text of up to {MOST_KID} characters")
    return kid


def _one_of(words: type[Word], word: Any) -> Word:
    try:
        return words(word)
    except ValueError:
        raise UnfitKeyError(f"is marked {word!r}; possible are {', '.join(words)}") from None


def _check_place(key: Key) -> None:
    if key.private is None and (key.state == State.SIGNING or key.use == Use.SEAL):
        raise UnfitKeyError("is a public key where a private one is needed")


def _check_strength(key: Key) -> None:
    least = ALGORITHMS[key.alg].least
    if len(key.secret) < least:
        raise UnfitKeyError(f"is too short: {key.alg} needs at least {least} bytes (RFC 7518, section 3.2)")
    if getattr(key.public, "key_size", RSA_LEAST) < RSA_LEAST and ALGORITHMS[key.alg].kty == "RSA":
        raise UnfitKeyError(f"is too small: RSA keys have at least {RSA_LEAST} bits (RFC 7518, section 3.3)")


def _try_out(key: Key) -> None:
    """Sign and verify once, so that halves that do not belong together are noticed before anybody signs in."""
    if key.private is None:
        return
    try:
        jwt.decode(jwt.encode({}, key.private, key.alg), key.public, [key.alg])
    except jwt.InvalidKeyError:
        raise UnfitKeyError("is a PEM, DER or JWK key, which is no HMAC secret") from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise UnfitKeyError("does not verify what it signs") from None
