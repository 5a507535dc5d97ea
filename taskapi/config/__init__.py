"""Every setting, declared once: name, type, default, meaning and check."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from dataclasses import fields as dataclass_fields
from typing import Any, TypeVar

import click
from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf, Range, Regexp
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from taskapi.context import current_application

Declared = TypeVar("Declared")
VERSION = "0.1.0"
PREFIX = "TASKAPI_"
# The scheme that a browser or web view sends, a host (name, IPv4 or IPv6), and a port
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_NETWORKS = "4 times as many from an IPv6 /56, 16 times as many from a /48."
_DIGITS = re.compile(r"-?\d{1,18}", re.ASCII)
JWT_ALGORITHMS = ("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")


class SettingsError(click.ClickException):
    """The settings are invalid. The message names each one and the reason."""

    exit_code = 78  # EX_CONFIG of sysexits.h: a service manager need not restart the service


class Words(fields.Field[tuple[str, ...]]):
    """A comma-separated list."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        words = value.split(",") if isinstance(value, str) else value
        if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
            raise ValidationError("Must be a comma-separated list.")
        return tuple(word.strip() for word in words if word.strip())


class _Boolean(fields.Boolean):
    """`true` or `false`; other spellings are rejected."""

    def __init__(self) -> None:
        super().__init__(truthy={"true", True}, falsy={"false", False})
        self.error_messages["invalid"] = "Must be true or false."


class _Whole(fields.Integer):
    """A whole number in digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is not int and not (isinstance(value, str) and _DIGITS.fullmatch(value)):
            raise ValidationError("Must be a whole number.")
        return int(value)


def setting(default: Any, meaning: str, field: fields.Field[Any], *, secret: bool = False) -> Any:
    """Declare a setting: its default, its meaning, and the field that reads and checks its text."""
    return dataclass_field(
        default=default, repr=not secret, metadata={"help": meaning, "field": field, "secret": secret}
    )


def _text(*checks: Callable[[Any], Any]) -> fields.Field[Any]:
    return fields.String(validate=list(checks))


def _rate() -> fields.Field[Any]:
    written = Regexp(r"[1-9][0-9]{0,8}/(second|minute|hour|day)\Z", error="Must be like 5/minute (second, hour, day).")
    return _text(written)


def _check_database_url(url: str) -> None:
    """Refuse a URL that SQLAlchemy cannot parse. The message omits it, since it may contain a password."""
    try:
        make_url(url or "sqlite://")
    except (ArgumentError, ValueError):
        raise ValidationError("Cannot be read as a URL; reserved characters in a password need %-encoding.") from None


def _check_redis_url(url: str) -> None:
    """Refuse a URL that the Redis client cannot parse. The message omits it."""
    if not url:
        return
    from redis import Redis  # noqa: PLC0415 - without a URL, nothing needs it

    try:
        Redis.from_url(url)  # connects at the first command
    except ValueError:
        raise ValidationError("Must be redis://…, rediss://… or unix://….") from None


def _check_origins(origins: tuple[str, ...]) -> None:
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValidationError(
                f"{origin} is not an origin as browsers send it: scheme and host in lower case, and an optional port."
            )


def _check_header_names(names: tuple[str, ...]) -> None:
    for name in names:
        if not _HEADER_NAME.fullmatch(name):
            raise ValidationError(f"{name} is not the name of a header.")


def whole(minimum: int, maximum: int = 2**31 - 1) -> fields.Field[Any]:
    """Return the field of a setting that is a whole number."""
    return _Whole(validate=Range(minimum, maximum))


def length_error(minimum: int, maximum: int, unit: str) -> str:
    """Return the message for a text or a list of another length. `unit` is `characters` or `items`."""
    return f"Must have {f'{minimum} to' if minimum else 'at most'} {maximum:,} {unit}."


def text(minimum: int, maximum: int) -> fields.Field[Any]:
    """Return the field of a setting that is a text of so many characters."""
    return _text(Length(minimum, maximum, error=length_error(minimum, maximum, "characters")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of an application. Durations are in seconds, sizes in bytes. `repr` omits secrets."""

    env: str = setting("development", "`development` or `production`.", _text(OneOf(["development", "production"])))
    database_url: str = setting(
        "",
        "`postgresql://…` or `sqlite:///path`; empty: SQLite in the instance folder.",
        _text(
            Regexp(
                r"\Z|(sqlite:///(?!:memory:).|postgres(ql)?(\+psycopg)?://)",
                error="Must be postgresql://… or sqlite:///path.",
            ),
            _check_database_url,
        ),
        secret=True,
    )
    database_pool_size: int = setting(
        8,
        "Connections that a process keeps open for reading, and as many for writing. Set it to the number of threads.",
        whole(1, 1000),
    )
    database_timeout_seconds: int = setting(
        10,
        "How long a request waits for PostgreSQL to respond, or for a free connection to the database.",
        whole(1, 600),
    )
    database_transaction_seconds: int = setting(
        30,
        "How long all changes of one request may take. Beyond that they are rolled back, and the response is 503.",
        whole(1, 3600),
    )
    jwt_secret_key: str = setting(
        "",
        "Secret that signs tokens by HMAC, at least 32 bytes; empty: generated into the instance folder.",
        _text(),
        secret=True,
    )
    jwt_private_key: str = setting(
        "", "PEM key that signs tokens by RSA, ECDSA or Ed25519, in place of the secret.", _text(), secret=True
    )
    jwt_keys: str = setting(
        "",
        "The key set: a file, `env:NAME`, `aws-sm://secret`, `vault://mount/path#field` or `azure-kv://vault/secret`; "
        "empty: `jwt-keys.json` in the instance folder.",
        _text(),
    )
    jwt_keys_reload_seconds: int = setting(
        60, "Seconds between two reads of a key set in a secret store. A file is checked every second.", whole(1, 3600)
    )
    jwt_keys_max_age_seconds: int = setting(
        86400,
        "How long a key set that can no longer be read stays in use; after that `/readyz` responds 503.",
        whole(60, 31536000),
    )
    jwt_algorithm: str = setting(
        "",
        "Algorithm of a key that does not name one; empty: HS256, or the one that fits the key.",
        _text(OneOf(["", *JWT_ALGORITHMS])),
    )
    jwt_issuer: str = setting("taskapi", "The `iss` of access tokens.", text(1, 200))
    jwt_client_id: str = setting("taskapi", "The `client_id` of access tokens (RFC 9068).", text(1, 200))
    jwt_audience: str = setting("taskapi", "The `aud` of access tokens.", text(1, 200))
    access_token_seconds: int = setting(900, "Lifetime of an access token.", whole(1, 86400))
    refresh_token_seconds: int = setting(
        604800, "Lifetime of a refresh token; each refresh issues a new one.", whole(60, 31536000)
    )
    session_max_seconds: int = setting(2592000, "Maximum lifetime of a session.", whole(60, 31536000))
    refresh_grace_seconds: int = setting(
        10, "How long a spent refresh token still returns its unused successor; 0: never.", whole(0, 300)
    )
    redis_url: str = setting(
        "",
        "`redis://…` for rate limits; empty: each process counts in its own memory.",
        _text(_check_redis_url),
        secret=True,
    )
    redis_prefix: str = setting(
        "taskapi:",
        "Prefix of the keys in Redis; each deployment that shares a Redis needs its own.",
        text(1, 64),
    )
    ratelimit_enabled: bool = setting(
        True, "Whether rate limits apply. The limits of the audit log always apply.", _Boolean()
    )
    ratelimit_login: str = setting("5/minute", "Sign-ins under one name from one address.", _rate())
    ratelimit_login_failed: str = setting(
        "30/minute",
        f"Failed sign-ins from one address; {_NETWORKS}",
        _rate(),
    )
    ratelimit_login_address: str = setting(
        "300/minute", f"Sign-ins from one address, failed or not; {_NETWORKS}", _rate()
    )
    ratelimit_login_name: str = setting(
        "50/hour", "Failed sign-ins under one name from all addresses together.", _rate()
    )
    ratelimit_login_device: str = setting(
        "20/hour",
        "Failed sign-ins from a device on which the user signed in before; the limits above do not apply.",
        _rate(),
    )
    ratelimit_register: str = setting("30/minute", f"Accounts created from one address; {_NETWORKS}", _rate())
    ratelimit_register_all: str = setting("10000/day", "Accounts created from all addresses together.", _rate())
    ratelimit_refresh: str = setting("120/minute", f"Refreshes from one address; {_NETWORKS}", _rate())
    ratelimit_password: str = setting("5/minute", "Password checks of one signed-in user.", _rate())
    ratelimit_password_address: str = setting(
        "60/minute", f"Password checks of signed-in users from one address; {_NETWORKS}", _rate()
    )
    ratelimit_timezone: str = setting(
        "20/hour", "Changes of the time zone by one user; each one updates the due days of tasks.", _rate()
    )
    ratelimit_audit_address: str = setting(
        "100/hour", f"Audit entries that requests without a token cause from one address; {_NETWORKS}", _rate()
    )
    ratelimit_audit_strangers: str = setting(
        "10000/day", "Audit entries that requests without a token cause from all addresses together.", _rate()
    )
    ratelimit_audit_user: str = setting(
        "1000/day", "Audit entries that one user causes; actions of administrators are always recorded.", _rate()
    )
    ratelimit_user: str = setting("6000/minute", "Requests of one signed-in user.", _rate())
    cookie_secure: bool | None = setting(
        None,
        "Whether cookies are `Secure`; empty: in production always, in development when the request came over HTTPS.",
        _Boolean(),
    )
    cookie_samesite: str = setting("Strict", "`Strict`, `Lax` or `None`.", _text(OneOf(["Strict", "Lax", "None"])))
    cors_origins: tuple[str, ...] = setting(
        (),
        "Other origins whose pages may use the API, exactly as browsers send them: `https://app.example.org`, "
        "`capacitor://localhost`, `http://[::1]:5173`.",
        Words(validate=_check_origins),
    )
    cors_headers: tuple[str, ...] = setting(
        (),
        "Headers that pages of `CORS_ORIGINS` may send, in addition to the headers of the API and of tracing.",
        Words(validate=_check_header_names),
    )
    bcrypt_rounds: int = setting(
        12,
        "bcrypt cost; each step doubles the time of a sign-in. A stored hash is updated at the user's next sign-in. A "
        "wrong password takes as long as the highest cost that is still stored.",
        whole(4, 18),
    )
    password_workers: int = setting(
        1,
        "Passwords that a process checks or hashes at the same time; each one uses a CPU core.",
        whole(1, 64),
    )
    password_queue: int = setting(
        3,
        "Requests of a process that may wait for a password check, each in a thread; further requests get 503.",
        whole(0, 1000),
    )
    password_min_length: int = setting(12, "Minimum number of characters in a password.", whole(8, 128))
    registration_enabled: bool = setting(True, "Whether anybody may create an account.", _Boolean())
    trusted_proxies: int = setting(0, "Number of proxies in front of the service that set X-Forwarded-*.", whole(0, 16))
    trusted_hosts: tuple[str, ...] = setting(
        (), "Hosts served, in ASCII: `tasks.example.org`, `.example.org`, `[::1]`; required in production.", Words()
    )
    base_path: str = setting(
        "",
        "The path under which a proxy serves the API, such as `/tasks`; empty: the root of the host, or the value of "
        "`SCRIPT_NAME`.",
        _text(
            Regexp(
                r"\Z|(?!/(api|docs|problems|static)(/|\Z))(/[A-Za-z0-9._~-]+)+\Z",
                error="Must begin with a slash, not end with one, and not begin with a path such as /api.",
            )
        ),
    )
    max_parallel_requests: int = setting(
        4,
        "Set it to half of the threads of a process. It is the size of four limits, each for all users of a process: "
        "further requests of users who already have a running request; requests that write; requests that read many "
        "rows; requests whose body is being received. The last three and password checks together are limited to 1.5 "
        "times this number. A request beyond a limit waits at most 0.2 s. Then the first limit responds 429, and the "
        "others respond 503. With `TASKAPI_RATELIMIT_ENABLED=false`, these limits do not apply.",
        whole(1, 1000),
    )
    max_body_bytes: int = setting(1024 * 1024, "Largest request body.", whole(1024))
    max_sessions: int = setting(
        100, "Sessions of one user; a further sign-in ends the least recently used one.", whole(1, 10000)
    )
    max_refresh_tokens: int = setting(
        3000,
        "Spent refresh tokens that are stored for each session, so that their reuse is detected.",
        whole(1, 100000),
    )
    max_tasks: int = setting(
        1_000_000,
        "Tasks of one user, including the trash. The largest task takes 0.3 MB of the database.",
        whole(1),
    )
    max_projects: int = setting(10_000, "Projects of one user, including the trash.", whole(1))
    max_labels: int = setting(10_000, "Labels of one user, including the trash.", whole(1))
    max_tombstones: int = setting(
        100_000,
        "Permanently deleted rows of one user that the change feed still reports; if there are more, the oldest are "
        "purged early, and older cursors expire.",
        whole(100),
    )
    max_stored_responses: int = setting(
        10_000, "Requests with an `Idempotency-Key` that one user may send in 24 hours.", whole(1)
    )
    max_stored_response_bytes: int = setting(
        16 * 1024 * 1024,
        "Total size of the stored responses to one user's requests with an `Idempotency-Key`; beyond that, the bodies "
        "of the oldest are deleted.",
        whole(0),
    )
    trash_days: int = setting(30, "Days until `flask prune` empties the trash.", whole(1, 36500))
    audit_days: int = setting(
        90, "Days until addresses and user agents are removed from the audit log.", whole(1, 36500)
    )
    audit_max_days: int = setting(365, "Days until `flask prune` deletes entries of the audit log.", whole(1, 36500))
    log_level: str = setting(
        "info", "`debug`, `info`, `warning` or `error`.", _text(OneOf(["debug", "info", "warning", "error"]))
    )
    log_format: str = setting("", "`text` or `json`; empty: json in production.", _text(OneOf(["", "text", "json"])))
    instance_path: str = setting(
        "", "Folder of the embedded database and the generated keys; empty: `instance/` in the checkout.", _text()
    )

    @property
    def production(self) -> bool:
        """Return whether this is a production deployment."""
        return self.env == "production"

    @property
    def logs_json(self) -> bool:
        """Whether log lines are JSON."""
        return self.log_format == "json" or (self.production and not self.log_format)

    @property
    def embedded(self) -> bool:
        """Whether the database is the one in the instance folder, which the server migrates when it starts."""
        return not self.database_url


SETTINGS = {f.name.upper(): f for f in dataclass_fields(Settings)}
EXTENSION_SETTINGS: list[type] = []


def declare_settings(declared: type) -> None:
    """Add the settings of an extension: a frozen dataclass with keyword arguments, each field made by `setting`.

    It has no slots, because one class inherits from the dataclasses of all extensions.
    """
    EXTENSION_SETTINGS.append(declared)
    SETTINGS.update({f.name.upper(): f for f in dataclass_fields(declared)})


def settings() -> Settings:
    """Return the settings of the current application."""
    found: Settings = current_application().config["SETTINGS"]
    return found


def settings_of(declared: type[Declared]) -> Declared:
    """Return the settings of the current application, typed as those that an extension declared."""
    found: Declared = current_application().config["SETTINGS"]
    return found
