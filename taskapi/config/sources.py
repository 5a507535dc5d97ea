"""Where settings come from: instance/config.py, .env, the environment, the factory's caller; the later one wins."""

import os
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values, find_dotenv
from marshmallow import RAISE, Schema, ValidationError

from taskapi.config import PREFIX, SETTINGS, Settings, SettingsError
from taskapi.config.refusals import refusals

BARE = ("DATABASE_URL", "REDIS_URL")  # hosting platforms set these two without a prefix
NOT_SETTINGS = ("TEST_", "REQUIRE_SERVICES")  # these steer the test suite
Errors = dict[str, list[str]]
_Schema = Schema.from_dict({name: f.metadata["field"] for name, f in SETTINGS.items()}, name="SettingsSchema")


def load_settings(overrides: Mapping[str, Any], default_instance_path: str) -> Settings:
    """Gather the settings, strongest last. Raises SettingsError, which tells all that is wrong at once."""
    errors: Errors = {}
    given = {"INSTANCE_PATH": default_instance_path, **_from_environment(errors), **overrides}
    given["INSTANCE_PATH"] = str(Path(given["INSTANCE_PATH"]).absolute())
    given = {**_from_file(Path(given["INSTANCE_PATH"], "config.py"), errors), **given}
    settings = _validate({name: value for name, value in given.items() if value is not None}, errors)
    for name, why in refusals(settings):
        errors.setdefault(name, why)
    if errors:
        raise SettingsError("\n".join(f"{_shown(name)}: {' '.join(why)}" for name, why in sorted(errors.items())))
    return settings


def unknown_names() -> list[str]:
    """Return the names in the environment and in .env that look like settings of ours and are none."""
    names = (name.removeprefix(PREFIX) for name in {*_dotenv(), *os.environ} if name.startswith(PREFIX))
    return sorted(
        PREFIX + name
        for name in names
        if name.removesuffix("_FILE") not in SETTINGS and not name.startswith(NOT_SETTINGS)
    )


def _validate(given: dict[str, Any], errors: Errors) -> Settings:
    try:
        values = _Schema(unknown=RAISE).load(given)
    except ValidationError as error:
        errors.update(error.messages_dict)
        values = error.valid_data
    return Settings(**{name.lower(): value for name, value in values.items()})


def _from_environment(errors: Errors) -> dict[str, Any]:
    """Read both names without prefix, then .env, then the environment proper; an empty value counts as none."""
    sources = _dotenv(), os.environ
    found: dict[str, Any] = {name: source[name] for source in sources for name in BARE if source.get(name)}
    for source in sources:
        for name in SETTINGS:
            if path := source.get(f"{PREFIX}{name}_FILE"):
                found |= _from_secret_file(name, Path(path), errors)
            if value := source.get(PREFIX + name):
                found[name] = value
    return found


def _dotenv() -> dict[str, str | None]:
    return dotenv_values(find_dotenv(usecwd=True))


def _from_secret_file(name: str, path: Path, errors: Errors) -> dict[str, str]:
    """Read TASKAPI_<NAME>_FILE, without the line's end that editors put behind a secret."""
    try:
        return {name: path.read_text(encoding="utf-8").rstrip("\r\n")}
    except OSError as error:
        errors[f"{name}_FILE"] = [f"{path} cannot be read: {error.strerror}."]
    except UnicodeDecodeError:
        errors[f"{name}_FILE"] = [f"{path} is not UTF-8 text."]
    return {}


def _from_file(path: Path, errors: Errors) -> dict[str, Any]:
    """Read the upper-case names of instance/config.py."""
    try:
        found = runpy.run_path(str(path)) if path.is_file() else {}
    except Exception as error:  # noqa: BLE001 - it is somebody's program, and may fail in any way
        errors[str(path)] = [f"Cannot be run: {type(error).__name__}: {error}."]
        return {}
    return {name: value for name, value in found.items() if name.isupper()}


def _shown(name: str) -> str:
    return PREFIX + name if name.removesuffix("_FILE") in SETTINGS else name
