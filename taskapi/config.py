"""Every setting, declared once: name, type, default, meaning and check; and the refusal to start on a bad one."""

import os
import runpy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

import click
from dotenv import dotenv_values, find_dotenv
from flask import current_app
from marshmallow import EXCLUDE, Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf, Range, Regexp

PREFIX = "TASKAPI_"
BARE = ("DATABASE_URL", "REDIS_URL")  # hosting platforms set these two without a prefix
NOT_SETTINGS = ("TEST_", "REQUIRE_SERVICES")  # these steer the test suite
WELL_KNOWN_SECRETS = (
    "changeme",
    "change-me",
    "change_me",
    "your-256-bit-secret",
    "super-secret",
    "supersecret",
    "0123456789",
)


class SettingsError(click.ClickException):
    """The settings are not fit to start with; the message names each one and says why."""


class _List(fields.Field[tuple[str, ...]]):
    """A comma-separated list."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        words = value.split(",") if isinstance(value, str) else value
        return tuple(word.strip() for word in words if word.strip())


class _Boolean(fields.Boolean):
    """`true` or `false`, and nothing that merely looks like one."""

    def __init__(self) -> None:
        super().__init__(truthy={"true", True}, falsy={"false", False})


def _setting(default: Any, meaning: str, field: fields.Field[Any], *, secret: bool = False) -> Any:
    return dataclass_field(
        default=default, repr=not secret, metadata={"help": meaning, "field": field, "secret": secret}
    )


def _text(*checks: Callable[[Any], Any]) -> fields.Field[Any]:
    return fields.String(validate=list(checks))


def _whole(least: int, most: int = 2**31 - 1) -> fields.Field[Any]:
    return fields.Integer(validate=Range(least, most))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in force. Durations are seconds, sizes bytes; secrets stay out of `repr`."""

    env: str = _setting("development", "`development` or `production`.", _text(OneOf(["development", "production"])))
    database_url: str = _setting(
        "",
        "`postgresql://…` or `sqlite:///path`; empty: SQLite in the instance folder.",
        _text(
            Regexp(
                r"\Z|(sqlite:///(?!:memory:).|postgres(ql)?(\+psycopg)?://)",
                error="Must be postgresql://… or sqlite:///path.",
            )
        ),
        secret=True,
    )
    jwt_secret_key: str = _setting(
        "",
        "Secret that signs tokens by HMAC, at least 32 bytes; empty: generated into the instance folder.",
        _text(),
        secret=True,
    )
    jwt_issuer: str = _setting("taskapi", "The `iss` of our tokens.", _text(Length(1, 200)))
    jwt_audience: str = _setting("taskapi", "The `aud` of our tokens.", _text(Length(1, 200)))
    access_token_seconds: int = _setting(900, "Life of an access token.", _whole(1, 86400))
    bcrypt_rounds: int = _setting(12, "bcrypt cost; each step doubles the time of a sign-in.", _whole(4, 18))
    password_min_length: int = _setting(12, "Least number of characters in a password.", _whole(8, 128))
    registration_enabled: bool = _setting(True, "Whether anybody may open an account.", _Boolean())
    trusted_proxies: int = _setting(0, "How many proxies in front set X-Forwarded-*.", _whole(0, 16))
    trusted_hosts: tuple[str, ...] = _setting((), "Host names served; required in production.", _List())
    max_body_bytes: int = _setting(1024 * 1024, "Largest request body.", _whole(1024))
    audit_days: int = _setting(90, "Days until addresses and agents are taken out of the audit log.", _whole(1, 36500))
    log_level: str = _setting(
        "info", "`debug`, `info`, `warning` or `error`.", _text(OneOf(["debug", "info", "warning", "error"]))
    )
    instance_path: str = _setting("", "Folder of the embedded database and the generated keys.", _text())

    @property
    def production(self) -> bool:
        """Whether real people are served."""
        return self.env == "production"

    @property
    def embedded(self) -> bool:
        """Whether the database is the one in the instance folder, migrated as the server starts."""
        return not self.database_url


SETTINGS = {f.name.upper(): f for f in dataclass_fields(Settings)}
_Schema = Schema.from_dict({name: f.metadata["field"] for name, f in SETTINGS.items()}, name="SettingsSchema")


def load_settings(overrides: Mapping[str, Any], default_instance_path: str) -> Settings:
    """Gather the settings; the later source wins: instance/config.py, .env, environment, overrides.

    Raises SettingsError, which tells all that is wrong at once.
    """
    errors: dict[str, list[str]] = {}
    given = {**_from_environment(errors), **overrides}
    given.setdefault("INSTANCE_PATH", default_instance_path)
    given = {**_from_file(Path(given["INSTANCE_PATH"]) / "config.py"), **given}
    try:
        values = _Schema(unknown=EXCLUDE).load({k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        errors.update(error.messages_dict)
        values = error.valid_data
    settings = Settings(**{name.lower(): value for name, value in values.items()})
    if not errors:
        errors.update(_unfit_for_production(settings))
    if not errors:
        errors.update(_without_folder(Path(settings.instance_path)))
    if errors:
        raise SettingsError("\n".join(f"{PREFIX}{name}: {' '.join(why)}" for name, why in sorted(errors.items())))
    return settings


def settings() -> Settings:
    """Return the settings of the current application."""
    found: Settings = current_app.config["SETTINGS"]
    return found


def unknown_names() -> list[str]:
    """Return the names in the environment that look like settings of ours and are none."""
    names = (name.removeprefix(PREFIX) for name in os.environ if name.startswith(PREFIX))
    return sorted(
        PREFIX + name
        for name in names
        if name.removesuffix("_FILE") not in SETTINGS and not name.startswith(NOT_SETTINGS)
    )


def _from_environment(errors: dict[str, list[str]]) -> dict[str, Any]:
    """Read TASKAPI_<NAME>, TASKAPI_<NAME>_FILE and the two bare names; an empty value counts as none."""
    env = {**dotenv_values(find_dotenv(usecwd=True)), **os.environ}
    found: dict[str, Any] = {name: env[name] for name in BARE if env.get(name)}
    for name in SETTINGS:
        if path := env.get(f"{PREFIX}{name}_FILE"):
            try:
                found[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                errors[f"{name}_FILE"] = [f"Cannot be read: {error}."]
        if value := env.get(PREFIX + name):
            found[name] = value
    return found


def _from_file(path: Path) -> dict[str, Any]:
    """Read the upper-case names of instance/config.py."""
    if not path.is_file():
        return {}
    return {name: value for name, value in runpy.run_path(str(path)).items() if name.isupper()}


def _without_folder(path: Path) -> Iterator[tuple[str, list[str]]]:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        yield "INSTANCE_PATH", [f"The folder {path} cannot be made: {error.strerror}."]
        return
    if not os.access(path, os.W_OK):
        yield "INSTANCE_PATH", [f"The folder {path} cannot be written to."]


def _unfit_for_production(settings: Settings) -> Iterator[tuple[str, list[str]]]:
    key = settings.jwt_secret_key
    if key and len(key.encode()) < 32:
        yield "JWT_SECRET_KEY", ["Must have at least 32 bytes (RFC 7518, section 3.2)."]
    if key.startswith("-----BEGIN"):
        yield "JWT_SECRET_KEY", ["Is a PEM key, which is no HMAC secret."]
    if not settings.production:
        return
    if not key:
        yield "JWT_SECRET_KEY", ["Must be set in production; a generated key would differ between machines."]
    elif any(word in key.lower() for word in WELL_KNOWN_SECRETS) or len(set(key)) < 10:
        yield (
            "JWT_SECRET_KEY",
            ["Is well known or easily guessed."],
        )
    if not settings.trusted_hosts:
        yield "TRUSTED_HOSTS", ["Must be set in production, so that a forged Host header is refused."]
