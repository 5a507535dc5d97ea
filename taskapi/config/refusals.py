"""Checks of settings that are valid alone, but unsafe or unusable together or in production."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

from taskapi.config import Settings

Refusal = tuple[str, list[str]]
# Words of example keys, and two keys from tutorials; a random key contains none of them
WELL_KNOWN = (
    "secret",
    "password",
    "change",
    "replace",
    "example",
    "default",
    "develop",
    "256-bit",
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
)
GUESSES_LOG10 = 24  # 32 random hex digits have 30


def refusals(settings: Settings) -> Iterator[Refusal]:
    """Yield each setting that prevents the start, and the reasons."""
    yield from _find_invalid(settings)
    if settings.production:
        yield from _find_unsafe(settings)
    if settings.embedded or not _has_key(settings):
        yield from _find_unwritable_folder(Path(settings.instance_path))


def exposure(path: Path) -> str | None:
    """Return a message if other users than that of the service may read a key file, or None.

    The rule is that of PostgreSQL for its key: no access for group and others. The group may read a file of root if the
    service does not run as root, because Kubernetes mounts secrets in this way. Windows has no such modes.
    """
    if os.name == "nt":
        return None
    try:
        status = path.stat()
    except OSError:
        return None  # reading the file reports the reason
    by_group = stat.S_IRGRP if status.st_uid == 0 and os.geteuid() != 0 else 0
    if not stat.S_IMODE(status.st_mode) & (stat.S_IRWXG | stat.S_IRWXO) & ~by_group:
        return None
    return f"has mode {stat.S_IMODE(status.st_mode):04o}, so that others may use the key: chmod 600 {path}"


def _find_invalid(settings: Settings) -> Iterator[Refusal]:
    key = settings.jwt_secret_key
    if key.startswith("-----BEGIN"):
        yield "JWT_SECRET_KEY", ["Is a PEM key, not an HMAC secret. Use JWT_PRIVATE_KEY."]
    elif key and len(key.encode()) < 32:
        yield "JWT_SECRET_KEY", ["Must have at least 32 bytes (RFC 7518, section 3.2)."]
    secure = settings.production if settings.cookie_secure is None else settings.cookie_secure
    if settings.cookie_samesite == "None" and not secure:
        yield "COOKIE_SAMESITE", ["None needs COOKIE_SECURE=true: browsers drop such cookies when they are not Secure."]


def _find_unsafe(settings: Settings) -> Iterator[Refusal]:
    key = settings.jwt_secret_key
    if not _has_key(settings):
        yield "JWT_SECRET_KEY", ["Must be set in production; a generated key would differ between machines."]
    elif key and is_guessable(key):
        yield "JWT_SECRET_KEY", ["Is well known or easily guessed."]
    if settings.ratelimit_enabled and not settings.redis_url:
        yield "REDIS_URL", ["Must be set in production: limits in memory are counted by each process separately."]
    if os.environ.get("FLASK_DEBUG", "").lower() not in {"", "0", "false", "no"}:
        yield "ENV", ["FLASK_DEBUG must not be set in production: its debugger shows source code and runs Python."]
    if not settings.trusted_hosts:
        yield "TRUSTED_HOSTS", ["Must be set in production, so that a forged Host header is refused."]


def _has_key(settings: Settings) -> bool:
    return bool(settings.jwt_secret_key or settings.jwt_private_key or settings.jwt_keys)


def is_guessable(key: str) -> bool:
    """Return whether a secret is well known or easily guessed."""
    from zxcvbn import zxcvbn  # noqa: PLC0415 - takes 12 MB of memory

    known = any(word in key.lower() for word in WELL_KNOWN)
    return known or float(zxcvbn(key[:72])["guesses_log10"]) < GUESSES_LOG10


def _find_unwritable_folder(path: Path) -> Iterator[Refusal]:
    """Try to write: permissions do not show that a file system is read-only or full."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path).close()
    except OSError as error:
        yield "INSTANCE_PATH", [f"The folder {path} cannot be written to: {error.strerror}."]
