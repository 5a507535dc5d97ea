"""The settings of the second factor, and the encryption of its secrets."""

from dataclasses import dataclass

from cryptography.fernet import Fernet, MultiFernet
from flask import Flask
from marshmallow import ValidationError

from taskapi.config import Settings, SettingsError, Words, setting, settings_of
from taskapi.security.rbac import Role


def _are_keys(keys: tuple[str, ...]) -> None:
    """Refuse what is no Fernet key. The message omits it."""
    try:
        for key in keys:
            Fernet(key)
    except ValueError:
        raise ValidationError("Must be Fernet keys: 32 random bytes in base64url.") from None


def _are_roles(roles: tuple[str, ...]) -> None:
    for role in roles:
        if role not in {*Role}:
            raise ValidationError(f"{role} is not a role.")


@dataclass(frozen=True, kw_only=True)
class SecondFactorSettings:
    """The settings of the second factor."""

    second_factor_keys: tuple[str, ...] = setting(
        (),
        "Fernet keys (`openssl rand -base64 32 | tr +/ -_`) for the secrets of authenticator applications: the first "
        "encrypts, all decrypt. Empty: nobody can set up a second factor, and whoever has one needs a recovery code.",
        Words(validate=_are_keys),
        secret=True,
    )
    second_factor_roles: tuple[str, ...] = setting(
        (),
        "Roles whose users need a second factor, such as `admin`. Without one, they can only set it up.",
        Words(validate=_are_roles),
    )


def factor_settings() -> SecondFactorSettings:
    """Return the settings of the second factor of the current application."""
    return settings_of(SecondFactorSettings)


def cipher() -> MultiFernet | None:
    """Return what encrypts and decrypts secrets; None if no key is set."""
    keys = factor_settings().second_factor_keys
    return MultiFernet([Fernet(key) for key in keys]) if keys else None


def init_second_factor(app: Flask, _settings: Settings) -> None:
    """Refuse to require what nobody can set up. Raises SettingsError."""
    with app.app_context():
        chosen = factor_settings()
    if chosen.second_factor_roles and not chosen.second_factor_keys:
        raise SettingsError("TASKAPI_SECOND_FACTOR_KEYS: Must be set with TASKAPI_SECOND_FACTOR_ROLES.")
