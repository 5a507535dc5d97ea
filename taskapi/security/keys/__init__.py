"""The key ring: every key knows its algorithm, one signs, others verify, and all are turned while people work."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from flask import Flask

from taskapi.config import PREFIX, Settings, SettingsError, settings
from taskapi.config.refusals import exposure, is_guessable
from taskapi.context import current_application
from taskapi.security.keys.algorithms import ALGORITHMS, Jwk, UnfitKeyError
from taskapi.security.keys.changes import member, new_members, new_seal
from taskapi.security.keys.files import create
from taskapi.security.keys.jwk import Key, State, pem_jwk, read_key, secret_jwk
from taskapi.security.keys.live import LiveRing
from taskapi.security.keys.ring import KeyRing, members_of, read_ring
from taskapi.security.keys.sources import Source, SourceError, fixed, open_source

__all__ = ["ALGORITHMS", "Key", "KeyRing", "UnfitKeyError", "check_keys", "init_keys", "live_ring", "read_ring", "ring"]

RING_FILE: Final = "jwt-keys.json"
SEAL_FILE: Final = "sealing-key.json"
DEFAULT_ALG: Final = "HS256"


def ring() -> KeyRing:
    """Return the key ring of the current application, as it is now."""
    return live_ring().current()


def live_ring() -> LiveRing:
    """Return what keeps the ring of the current application fresh."""
    found: LiveRing = current_application().extensions["taskapi-keys"]
    return found


def check_keys() -> str | None:
    """Return why no token can be verified, or why the ring is too old to rely on; or None."""
    if not ring().keys:
        return "no key verifies tokens"
    live, most = live_ring(), settings().jwt_keys_max_age_seconds
    if live.age() > most:
        live.reread()  # nobody may have asked for a while
    return f"the key ring was last read {live.age():.0f} s ago" if live.age() > most else None


def init_keys(app: Flask, settings: Settings) -> None:
    """Load the ring, making one in the instance folder where the settings name none. Raises SettingsError."""
    if settings.jwt_secret_key and is_guessable(settings.jwt_secret_key):
        app.logger.warning("%sJWT_SECRET_KEY is well known or easily guessed: production refuses it", PREFIX)
    folder = Path(app.instance_path)
    source = _choose(settings, folder)
    if source.path and (why := exposure(source.path)):
        if settings.production:
            raise SettingsError(f"{PREFIX}JWT_KEYS: {source.place} {why}.")
        app.logger.warning("the key ring %s %s", source.place, why)
    try:
        live = LiveRing(app, source, settings.jwt_keys_reload_seconds, partial(_own_seal, app, folder / SEAL_FILE))
    except (SourceError, UnfitKeyError) as error:
        raise SettingsError(f"{PREFIX}JWT_KEYS: {source.place} {error}.") from None
    signing = live.current().signing
    if signing and settings.jwt_algorithm not in {"", signing.alg}:
        raise SettingsError(
            f"{PREFIX}JWT_ALGORITHM: The key that signs is for {signing.alg}, and the key decides. "
            f"Leave this setting out; `flask keys rotate --alg {settings.jwt_algorithm}` brings another key."
        )
    app.extensions["taskapi-keys"] = live


def _choose(settings: Settings, folder: Path) -> Source:
    given = [name for name in ("jwt_secret_key", "jwt_private_key", "jwt_keys") if getattr(settings, name)]
    if len(given) > 1:
        raise SettingsError(f"{' and '.join(PREFIX + name.upper() for name in given)}: Set only one of them.")
    if settings.jwt_secret_key:
        secret = settings.jwt_secret_key.encode()
        return _single("JWT_SECRET_KEY", lambda: secret_jwk(secret), settings.jwt_algorithm)
    if settings.jwt_private_key:
        pem = settings.jwt_private_key.encode()
        return _single("JWT_PRIVATE_KEY", lambda: pem_jwk(pem), settings.jwt_algorithm)
    try:
        return open_source(settings.jwt_keys) if settings.jwt_keys else _embedded(folder, settings.jwt_algorithm)
    except SourceError as error:
        raise SettingsError(f"{PREFIX}JWT_KEYS: {settings.jwt_keys or folder / RING_FILE} {error}.") from None


def _single(setting: str, key: Callable[[], Jwk], alg: str) -> Source:
    try:
        jwk = member(key(), State.SIGNING, alg=alg)
        read_key(jwk)
    except UnfitKeyError as error:
        raise SettingsError(f"{PREFIX}{setting}: It {error}.") from None
    return fixed(jwk)


def _embedded(folder: Path, alg: str) -> Source:
    path = folder / RING_FILE
    try:
        if not path.exists():
            create(path, new_members(alg or DEFAULT_ALG))
    except OSError as error:
        raise SourceError(f"cannot be written: {error.strerror}") from None
    return open_source(str(path))


def _own_seal(app: Flask, path: Path) -> Key:
    """Return a sealing key of this machine's own, for a ring of public keys alone."""
    app.logger.warning("the key ring has no sealing key: list cursors are good on this machine alone")
    try:
        if not path.exists():
            create(path, [new_seal()])
        return read_key(members_of(path.read_bytes())[0])
    except OSError as error:
        raise SourceError(f"has no sealing key, and none can be kept in {path}: {error.strerror}") from None
