"""The key set: the key that signs, the keys that verify, and the secrets that are derived from them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from taskapi.security.keys.key import (
    ALGORITHMS,
    REQUIRED_MEMBERS,
    RSA_ADVISED_BITS,
    InvalidKeyError,
    Jwk,
    Key,
    State,
    Use,
    default_state,
    read_key,
)


@dataclass(frozen=True)
class KeySet:
    """The keys in use. A key set never changes; a new one replaces it.

    `signing` is None if this instance only verifies; `keys` verify tokens, by `kid`; the first of `sealing` is current.
    `verified` caches the callers of verified tokens, and `derived` the derived secrets, until the key set is replaced.
    """

    signing: Key | None
    keys: dict[str, Key]
    sealing: tuple[Key, ...]
    verified: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    derived: dict[str, list[bytes]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def published(self) -> dict[str, Any]:
        """The public keys as a JWK Set (RFC 7517), staged ones included."""
        return {"keys": [_publish(key) for key in self.keys.values() if ALGORITHMS[key.alg].kty != "oct"]}

    @cached_property
    def advice(self) -> list[str]:
        """Advice about keys that are accepted but weaker than advised."""
        return [
            f"The RSA key {key.kid} has {key.public.key_size} bits; at least {RSA_ADVISED_BITS} are advised."
            for key in self.keys.values()
            if ALGORITHMS[key.alg].kty == "RSA" and key.public.key_size < RSA_ADVISED_BITS
        ]

    def secrets(self, purpose: str) -> list[bytes]:
        """Return 32-byte secrets for `purpose`: the first is current, the others made values that may be in use."""
        derived: list[bytes] | None = self.derived.get(purpose)
        if derived is None:
            derived = self.derived[purpose] = [key.derive(purpose) for key in self.sealing]
        return derived


def parse_key_set(text: str | bytes) -> KeySet:
    """Return the key set of a JWK Set (RFC 7517). Raises InvalidKeyError."""
    keys = [_read_member(jwk) for jwk in parse_members(text) if jwk["state"] != State.RETIRED]
    by_kid = {key.kid: key for key in keys}
    if len(by_kid) < len(keys):
        raise InvalidKeyError("has two keys with the same kid")
    tokens = {kid: key for kid, key in by_kid.items() if key.use == Use.SIG}
    signing = _find_signing(tokens.values())
    if not tokens:
        raise InvalidKeyError("has no key for tokens")
    if signing is None and any(key.private for key in tokens.values()):
        raise InvalidKeyError("has no key with the state signing")
    _find_signing(key for key in keys if key.use == Use.SEAL)
    sealing = sorted(
        (key for key in keys if key.private), key=lambda key: (key.state != State.SIGNING, key.use != Use.SEAL)
    )
    return KeySet(signing, tokens, tuple(sealing))


def parse_members(text: str | bytes) -> list[Jwk]:
    """Return the keys of a JWK Set unchecked, each with its state. Raises InvalidKeyError."""
    try:
        members = json.loads(text)["keys"]
        if not isinstance(members, list) or not all(isinstance(jwk, dict) for jwk in members):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidKeyError("is not a JWK Set (RFC 7517)") from None
    return [{"state": str(default_state(jwk))} | jwk for jwk in members]


def format_members(members: list[Jwk]) -> str:
    """Return keys as the text of a JWK Set."""
    return json.dumps({"keys": members}, indent=2) + "\n"


def _read_member(jwk: Jwk) -> Key:
    try:
        return read_key(jwk)
    except InvalidKeyError as error:
        raise InvalidKeyError(f"has a key, {jwk.get('kid', '')!r}, that {error}") from None


def _find_signing(keys: Iterable[Key]) -> Key | None:
    found = [key for key in keys if key.state == State.SIGNING]
    if len(found) > 1:
        raise InvalidKeyError(f"has {len(found)} keys with the state signing: {', '.join(key.kid for key in found)}")
    return found[0] if found else None


def _publish(key: Key) -> Jwk:
    members = {name: key.jwk[name] for name in REQUIRED_MEMBERS[ALGORITHMS[key.alg].kty]}
    return {"kid": key.kid, "alg": key.alg, "use": "sig"} | members
