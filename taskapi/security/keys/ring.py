"""The key ring: which key signs, which verify, and from which other secrets are derived."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from taskapi.security.keys.algorithms import ALGORITHMS, RSA_ADVISED, Jwk, UnfitKeyError
from taskapi.security.keys.jwk import REQUIRED, Key, State, Use, read_key, usual_state

Document = dict[str, Any]


@dataclass(frozen=True)
class KeyRing:
    """The keys in force. A ring never changes; another takes its place.

    `signing` is None where we only verify; `keys` verify tokens, by `kid`; the first of `sealing` is the one in use.
    `verified` remembers whom the keys have verified, and `derived` what was made of them, so that both go with them.
    """

    signing: Key | None
    keys: dict[str, Key]
    sealing: tuple[Key, ...]
    verified: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    derived: dict[str, list[bytes]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def published(self) -> Document:
        """The JWK Set that everybody may have: public keys alone, those to come included."""
        return {"keys": [_published(key) for key in self.keys.values() if ALGORITHMS[key.alg].kty != "oct"]}

    @cached_property
    def advice(self) -> list[str]:
        """What is allowed, and could be better."""
        return [
            f"The RSA key {key.kid} has {key.public.key_size} bits; at least {RSA_ADVISED} are advised."
            for key in self.keys.values()
            if ALGORITHMS[key.alg].kty == "RSA" and key.public.key_size < RSA_ADVISED
        ]

    def secrets(self, purpose: str) -> list[bytes]:
        """Return 32-byte secrets for `purpose`: the first makes, and any may have made what is still about."""
        derived: list[bytes] | None = self.derived.get(purpose)
        if derived is None:
            derived = self.derived[purpose] = [key.derive(purpose) for key in self.sealing]
        return derived


def read_ring(text: str | bytes) -> KeyRing:
    """Return the ring that a JWK Set (RFC 7517) describes. Raises UnfitKeyError."""
    keys = [_read_member(jwk) for jwk in members_of(text) if jwk["state"] != State.RETIRED]
    by_kid = {key.kid: key for key in keys}
    if len(by_kid) < len(keys):
        raise UnfitKeyError("has two keys of the same kid")
    tokens = {kid: key for kid, key in by_kid.items() if key.use == Use.SIG}
    signing = _in_use(tokens.values())
    if not tokens:
        raise UnfitKeyError("has no key for tokens")
    if signing is None and any(key.private for key in tokens.values()):
        raise UnfitKeyError("has no key that is marked as signing")
    _in_use(key for key in keys if key.use == Use.SEAL)
    sealing = sorted(
        (key for key in keys if key.private), key=lambda key: (key.state != State.SIGNING, key.use != Use.SEAL)
    )
    return KeyRing(signing, tokens, tuple(sealing))


def members_of(text: str | bytes) -> list[Jwk]:
    """Return the keys of a JWK Set as they are written, each with its state. Raises UnfitKeyError."""
    try:
        members = json.loads(text)["keys"]
        if not isinstance(members, list) or not all(isinstance(jwk, dict) for jwk in members):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UnfitKeyError("is not a JWK Set (RFC 7517)") from None
    return [{"state": str(usual_state(jwk))} | jwk for jwk in members]


def _read_member(jwk: Jwk) -> Key:
    try:
        return read_key(jwk)
    except UnfitKeyError as error:
        raise UnfitKeyError(f"has a key, {jwk.get('kid', '')!r}, that {error}") from None


def _in_use(keys: Iterable[Key]) -> Key | None:
    found = [key for key in keys if key.state == State.SIGNING]
    if len(found) > 1:
        raise UnfitKeyError(f"has {len(found)} keys that are marked as signing: {', '.join(key.kid for key in found)}")
    return found[0] if found else None


def _published(key: Key) -> Jwk:
    members = {name: key.jwk[name] for name in REQUIRED[ALGORITHMS[key.alg].kty]}
    return {"kid": key.kid, "alg": key.alg, "use": "sig"} | members
