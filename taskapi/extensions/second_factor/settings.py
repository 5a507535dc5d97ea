"""The settings of the second factor, and the encryption of its secrets."""

from dataclasses import dataclass

from cryptography.fernet import Fernet, MultiFernet
from marshmallow import ValidationError
from marshmallow.validate import ContainsOnly

from taskapi.config import Words, setting, settings_of
from taskapi.security.rbac import Role


def _are_keys(keys: tuple[str, ...]) -> None:
    """Refuse what is no Fernet key. The message omits it."""
    try:
        for key in keys:
            Fernet(key)
    except ValueError:
        raise ValidationError("Must be Fernet keys: 32 random bytes in base64url.") from None


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
        Words(validate=ContainsOnly([*Role])),
    )


def factor_settings() -> SecondFactorSettings:
    """Return the settings of the second factor of the current application."""
    return settings_of(SecondFactorSettings)


def cipher() -> MultiFernet | None:
    """Return what encrypts and decrypts secrets; None if no key is set."""
    keys = factor_settings().second_factor_keys
    return MultiFernet([Fernet(key) for key in keys]) if keys else None
