"""The key ring: which key signs, which keys verify."""

import hmac
import json
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, current_app

from taskapi.config import Settings, SettingsError

RING_FILE = "jwt-keys.json"


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the one algorithm it is for; `kid` is its thumbprint (RFC 7638)."""

    kid: str
    alg: str
    secret: bytes = field(repr=False)

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for another purpose than signing tokens."""
        return hmac.digest(self.secret, f"taskapi {purpose}".encode(), "sha256")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys by `kid`, and the one that signs."""

    signing: Key
    keys: dict[str, Key]


def ring() -> KeyRing:
    """Return the key ring of the current application."""
    found: KeyRing = current_app.extensions["taskapi-keys"]
    return found


def check_keys() -> str | None:
    """Return why nothing can be signed, or None."""
    return None if ring().signing.kid in ring().keys else "the key that signs is not among those that verify"


def init_keys(app: Flask, settings: Settings) -> None:
    """Load the ring, making one in the instance folder where there is none. Raises SettingsError."""
    if settings.jwt_secret_key:
        key = hmac_key(settings.jwt_secret_key.encode())
    else:
        key = _embedded_key(Path(app.instance_path) / RING_FILE)
    app.extensions["taskapi-keys"] = KeyRing(key, {key.kid: key})


def hmac_key(secret: bytes) -> Key:
    """Return the HS256 key of a secret."""
    members = json.dumps({"k": _encode(secret), "kty": "oct"}, separators=(",", ":"), sort_keys=True)
    return Key(_encode(sha256(members.encode()).digest()), "HS256", secret)


def _embedded_key(path: Path) -> Key:
    try:
        if not path.exists():
            _write_new(path, {"keys": [_to_jwk(hmac_key(secrets.token_bytes(32)))]})
        jwks = json.loads(path.read_text(encoding="utf-8"))
        return hmac_key(urlsafe_b64decode(jwks["keys"][0]["k"] + "=="))
    except OSError as error:
        raise SettingsError(f"The key file {path} cannot be used: {error.strerror}.") from None
    except (ValueError, KeyError, IndexError, TypeError):
        raise SettingsError(
            f"The key file {path} is not a JWK Set; put it right, or remove it to make a new one."
        ) from None


def _to_jwk(key: Key) -> dict[str, Any]:
    return {"kty": "oct", "kid": key.kid, "alg": key.alg, "state": "signing", "k": _encode(key.secret)}


def _write_new(path: Path, document: dict[str, Any]) -> None:
    """Write a file that only its owner may read, whole or not at all; one that another process wrote first stays."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
