"""Sources of settings: instance/config.py, .env, the environment, the arguments of create_app; a later source wins.

Settings that are valid alone may be unsafe or unusable together or in production: see `refusals`.
"""

import codecs
import os
import re
import runpy
import stat
from collections.abc import Iterator, Mapping
from dataclasses import make_dataclass
from difflib import get_close_matches
from functools import lru_cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

from dotenv import dotenv_values, find_dotenv
from marshmallow import RAISE, Schema, ValidationError

from taskapi.config import EXTENSION_SETTINGS, PREFIX, SETTINGS, Settings, SettingsError

UNPREFIXED = ("DATABASE_URL", "REDIS_URL")  # hosting platforms set these two without a prefix
NOT_SETTINGS = ("TEST_", "REQUIRE_SERVICES")  # these configure the test suite
KEYS: Final = ("JWT_SECRET_KEY", "JWT_PRIVATE_KEY")
BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # Windows PowerShell writes UTF-16 with `>`, and Notepad a byte order mark before UTF-8
# Kubernetes sets these in every pod for a Service whose name begins with `taskapi`
SERVICE: Final = re.compile(r"(.+_)?(SERVICE_(HOST|PORT(_.+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
SERVICE_PORT: Final = re.compile(r"(.+_)?PORT")
SERVICE_URL: Final = re.compile(r"(tcp|udp|sctp)://.+")
Errors = dict[str, list[str]]
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


def load_settings(overrides: Mapping[str, Any], default_instance_path: str) -> Settings:
    """Read the settings from all sources. Raises SettingsError, which reports all errors together."""
    errors: Errors = {}
    files: dict[str, Path] = {}
    given = {"INSTANCE_PATH": default_instance_path, **_from_environment(errors, files), **overrides}
    given["INSTANCE_PATH"] = str(Path(given["INSTANCE_PATH"]).absolute())
    given = {**_from_file(Path(given["INSTANCE_PATH"], "config.py"), errors), **given}
    for name, value in given.items():
        if isinstance(value, str) and value.startswith("\ufeff"):
            errors[name] = ["Begins with a byte order mark (U+FEFF). Remove it."]
    settings = _validate({name: value for name, value in given.items() if value is not None}, errors)
    for name, why in refusals(settings):
        errors.setdefault(name, why)
    for name in KEYS if settings.production else ():
        if name in files and name not in overrides and (exposed := exposure(files[name])):
            errors.setdefault(f"{name}_FILE", [f"{files[name]} {exposed}."])
    if errors:
        raise SettingsError("\n".join(f"{_full_name(name)}: {' '.join(why)}" for name, why in sorted(errors.items())))
    return settings


def unknown_names() -> list[str]:
    """Return the names in the environment and in .env that start like settings, but are unknown."""
    return sorted(name for name, value in _without_setting() if not _is_of_kubernetes(name, value))


def kubernetes_names() -> list[str]:
    """Return the names in the environment that Kubernetes sets for a Service whose name begins with `taskapi`."""
    return sorted(name for name, value in _without_setting() if _is_of_kubernetes(name, value))


def suggestion(name: str) -> str:
    """Return a suggestion of the setting with the most similar name; empty if there is none."""
    close = get_close_matches(name, [PREFIX + setting for setting in SETTINGS], n=1)
    return f"; is {close[0]} meant?" if close else ""


def decode_text(data: bytes) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 with its byte order mark. Raises ValueError for any other."""
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    text = data.decode(encoding)
    if "\0" in text:  # UTF-16 without a byte order mark
        raise ValueError("it has a NUL character")
    return text


def _without_setting() -> Iterator[tuple[str, str | None]]:
    for full, value in {**_dotenv({}), **os.environ}.items():
        name = full.removeprefix(PREFIX)
        if name != full and name.removesuffix("_FILE") not in SETTINGS and not name.startswith(NOT_SETTINGS):
            yield full, value


def _is_of_kubernetes(full: str, value: str | None) -> bool:
    name = full.removeprefix(PREFIX)
    is_port = SERVICE_PORT.fullmatch(name) and SERVICE_URL.fullmatch(value or "")
    return bool(is_port or SERVICE.fullmatch(name))


def _validate(given: dict[str, Any], errors: Errors) -> Settings:
    schema = Schema.from_dict({name: f.metadata["field"] for name, f in SETTINGS.items()}, name="SettingsSchema")
    try:
        values = schema(unknown=RAISE).load(given)
    except ValidationError as error:
        errors.update(error.messages_dict)
        values = error.valid_data
    return _settings_type(*EXTENSION_SETTINGS)(**{name.lower(): value for name, value in values.items()})


@lru_cache
def _settings_type(*declared: type) -> type[Settings]:
    """Return a dataclass of the settings of the core and of all extensions."""
    return make_dataclass("Settings", [], bases=(Settings, *declared), frozen=True, kw_only=True)


def _from_environment(errors: Errors, files: dict[str, Path]) -> dict[str, Any]:
    """Read names without prefix, then names with prefix, each in .env, then in the environment. The last value wins.

    An empty value is absent.

    Adds the path of each setting whose value is from the file of TASKAPI_<NAME>_FILE to `files`.
    """
    sources = _dotenv(errors), os.environ
    found: dict[str, Any] = {name: source[name] for source in sources for name in UNPREFIXED if source.get(name)}
    for source in sources:
        for name in SETTINGS:
            if path := source.get(f"{PREFIX}{name}_FILE"):
                found |= _from_secret_file(name, Path(path), errors)
                files[name] = Path(path)
            if value := source.get(PREFIX + name):
                found[name] = value
                files.pop(name, None)
    return found


def _dotenv(errors: Errors) -> dict[str, str | None]:
    path = find_dotenv(usecwd=True)
    try:
        text = decode_text(Path(path).read_bytes()) if path else ""
    except OSError as error:
        errors[path] = [f"Cannot be read: {error.strerror}."]
        return {}
    except ValueError:
        errors[path] = ["Is neither UTF-8 nor UTF-16 text."]
        return {}
    return dotenv_values(stream=StringIO(text))


def _from_secret_file(name: str, path: Path, errors: Errors) -> dict[str, str]:
    """Read the file of TASKAPI_<NAME>_FILE, without the newline at its end."""
    try:
        return {name: decode_text(path.read_bytes()).rstrip("\r\n")}
    except OSError as error:
        errors[f"{name}_FILE"] = [f"{path} cannot be read: {error.strerror}."]
    except ValueError:
        errors[f"{name}_FILE"] = [f"{path} is neither UTF-8 nor UTF-16 text."]
    return {}


def _from_file(path: Path, errors: Errors) -> dict[str, Any]:
    """Read the upper-case names of instance/config.py."""
    try:
        found = runpy.run_path(str(path)) if path.is_file() else {}
    except Exception as error:  # noqa: BLE001 - it is somebody's program, and may fail in any way
        errors[str(path)] = [f"Cannot be run: {type(error).__name__}: {error}."]
        return {}
    return {name: value for name, value in found.items() if name.isupper()}


def _full_name(name: str) -> str:
    return PREFIX + name if name.removesuffix("_FILE") in SETTINGS else name


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
        others = f"{PREFIX}JWT_SECRET_KEY or {PREFIX}JWT_PRIVATE_KEY"
        why = f"Must be set in production, or else {others}: a generated key would differ between machines."
        yield "JWT_KEYS", [why]
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
