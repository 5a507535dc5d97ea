"""Signing keys: a key set in which each key has one algorithm, one key signs, and keys rotate without a restart."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from flask import Flask

from taskapi.config import PREFIX, Settings, SettingsError, settings
from taskapi.config.sources import exposure, is_guessable
from taskapi.security.keys.key import (
    ALGORITHMS,
    InvalidKeyError,
    Jwk,
    Key,
    State,
    pem_to_jwk,
    read_key,
    secret_to_jwk,
)
from taskapi.security.keys.key_set import KeySet, parse_key_set, parse_members
from taskapi.security.keys.rotation import create_file, new_member, new_members, new_sealing_key
from taskapi.security.keys.sources import (
    KeyReloader,
    Source,
    SourceError,
    current_key_set,
    fixed_source,
    key_reloader,
    open_source,
)

__all__ = [
    "ALGORITHMS", "InvalidKeyError", "Key", "KeySet", "check_keys", "current_key_set", "init_keys", "key_reloader",
    "parse_key_set",
]  # fmt: skip

KEY_SET_FILE: Final = "jwt-keys.json"
SEALING_KEY_FILE: Final = "sealing-key.json"
DEFAULT_ALG: Final = "HS256"


def check_keys() -> str | None:
    """Return why no token can be verified, or how long ago the key set was read if that is too long; else None."""
    reloader, max_age = key_reloader(), settings().jwt_keys_max_age_seconds
    if reloader.age() > max_age:
        reloader.reload_for_unknown_kid()  # without recent requests, nothing has reloaded the key set
    if not reloader.current().keys:
        return "no key verifies tokens"
    return f"the key set was last read {reloader.age():.0f} s ago" if reloader.age() > max_age else None


def init_keys(app: Flask, settings: Settings) -> None:
    """Load the key set; create one in the instance folder if the settings name none. Raises SettingsError."""
    if settings.jwt_secret_key and is_guessable(settings.jwt_secret_key):
        app.logger.warning("%sJWT_SECRET_KEY is well known or easily guessed: production refuses it", PREFIX)
    folder = Path(app.instance_path)
    source = _choose_source(settings, folder)
    if source.path and (why := exposure(source.path)):
        if settings.production:
            raise SettingsError(f"{PREFIX}JWT_KEYS: {source.place} {why}.")
        app.logger.warning("the key set %s %s", source.place, why)
    make_sealing_key = partial(_read_own_sealing_key, app, folder / SEALING_KEY_FILE)
    try:
        reloader = KeyReloader(app, source, settings.jwt_keys_reload_seconds, make_sealing_key)
    except (SourceError, InvalidKeyError) as error:
        raise SettingsError(f"{PREFIX}JWT_KEYS: {source.place} {error}.") from None
    signing = reloader.current().signing
    if signing and settings.jwt_algorithm not in {"", signing.alg}:
        raise SettingsError(
            f"{PREFIX}JWT_ALGORITHM: The signing key is for {signing.alg}, and the key decides. "
            f"Remove this setting, or replace the key by `flask keys rotate --alg {settings.jwt_algorithm}`."
        )
    app.extensions["taskapi-keys"] = reloader


def _choose_source(settings: Settings, folder: Path) -> Source:
    given = [name for name in ("jwt_secret_key", "jwt_private_key", "jwt_keys") if getattr(settings, name)]
    if len(given) > 1:
        raise SettingsError(f"{' and '.join(PREFIX + name.upper() for name in given)}: Set only one of them.")
    if settings.jwt_secret_key:
        secret = settings.jwt_secret_key.encode()
        return _open_single_key("JWT_SECRET_KEY", lambda: secret_to_jwk(secret), settings.jwt_algorithm)
    if settings.jwt_private_key:
        pem = settings.jwt_private_key.encode()
        return _open_single_key("JWT_PRIVATE_KEY", lambda: pem_to_jwk(pem), settings.jwt_algorithm)
    path = folder / KEY_SET_FILE
    try:
        if settings.jwt_keys:
            return open_source(settings.jwt_keys)
        if not path.exists():
            create_file(path, new_members(settings.jwt_algorithm or DEFAULT_ALG))
        return open_source(str(path))
    except OSError as error:
        raise SettingsError(f"{PREFIX}JWT_KEYS: {path} cannot be written: {error.strerror}.") from None
    except SourceError as error:
        raise SettingsError(f"{PREFIX}JWT_KEYS: {settings.jwt_keys} {error}.") from None


def _open_single_key(setting: str, make_jwk: Callable[[], Jwk], alg: str) -> Source:
    try:
        jwk = new_member(make_jwk(), State.SIGNING, alg=alg)
        read_key(jwk)
    except InvalidKeyError as error:
        raise SettingsError(f"{PREFIX}{setting}: It {error}.") from None
    return fixed_source(jwk)


def _read_own_sealing_key(app: Flask, path: Path) -> Key:
    """Return a sealing key of this machine, for a key set without private keys."""
    app.logger.warning("the key set has no sealing key: list cursors are valid on this machine only")
    try:
        if not path.exists():
            create_file(path, [new_sealing_key()])
        return read_key(parse_members(path.read_bytes())[0])
    except OSError as error:
        raise SourceError(f"has no sealing key, and none can be written to {path}: {error.strerror}") from None
