"""The settings of passkeys."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from flask import Flask
from marshmallow import fields
from marshmallow.validate import Regexp

from taskapi.api import problem
from taskapi.config import Settings, SettingsError, Words, setting, settings_of, whole

_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = rf"(?:\Z|({_LABEL}\.)*(?=[a-z0-9-]*[a-z]){_LABEL}\Z)"  # an IP address is none
_ORIGIN: Final = re.compile(rf"https?://({_LABEL}\.)*{_LABEL}(:\d{{1,5}})?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class PasskeySettings:
    """The settings of passkeys."""

    passkey_rp_id: str = setting(
        "",
        "The domain that passkeys belong to, such as `tasks.example.org`; empty: no passkeys. With another domain, all "
        "passkeys are lost. The `Host` header has no influence.",
        fields.String(validate=Regexp(_DOMAIN, error="Must be a domain in lower case, without scheme and port.")),
    )
    passkey_origins: tuple[str, ...] = setting(
        (),
        "The origins of the pages that may use passkeys: that of the domain, and of hosts below it. Empty: `https://` "
        "and the domain.",
        Words(),
    )
    max_passkeys: int = setting(10, "Passkeys of one user.", whole(1, 100))

    @property
    def origins(self) -> list[str]:
        """The origins of the pages that may use passkeys."""
        return [*self.passkey_origins] or [f"https://{self.passkey_rp_id}"]


def require_passkeys() -> PasskeySettings:
    """Return the settings, or respond 409 if the server has no passkeys."""
    found = settings_of(PasskeySettings)
    return found if found.passkey_rp_id else problem("passkeys_off")


def check_settings(app: Flask, settings: Settings) -> None:
    """Refuse origins where browsers would refuse the domain. Raises SettingsError."""
    with app.app_context():
        found = settings_of(PasskeySettings)
    domain = found.passkey_rp_id
    if found.passkey_origins and not domain:
        raise SettingsError("TASKAPI_PASSKEY_RP_ID: Must be set with TASKAPI_PASSKEY_ORIGINS.")
    for origin in found.origins if domain else ():
        host = urlsplit(origin).hostname or ""
        if not _ORIGIN.fullmatch(origin) or not f".{host}".endswith(f".{domain}"):
            raise SettingsError(f"TASKAPI_PASSKEY_ORIGINS: {origin} is no origin of {domain}.")
        if origin.startswith("http:") and (settings.production or host.rpartition(".")[2] != "localhost"):
            raise SettingsError(f"TASKAPI_PASSKEY_ORIGINS: {origin} must be https, or localhost in development.")
