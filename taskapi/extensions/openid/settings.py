"""The settings of the OpenID provider."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from marshmallow import fields
from marshmallow.validate import Regexp

from taskapi.api import problem
from taskapi.config import SettingsError, setting, settings_of, text

CALLBACK: Final = "/openid/callback"
LOCAL_HOSTS: Final = {"localhost", "127.0.0.1", "::1"}
_HOST: Final = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?"
_URL: Final = rf"\Z|https?://{_HOST}(/[A-Za-z0-9._~%-]+)*"
_SCOPE: Final = r"[!#-\[\]-~]+"


def matching(pattern: str, error: str) -> fields.Field[str]:
    """Return the field of a setting whose whole text matches a pattern."""
    return fields.String(validate=Regexp(rf"(?:{pattern})\Z", error=error))


@dataclass(frozen=True, kw_only=True)
class OpenidSettings:
    """The settings of the OpenID provider."""

    openid_issuer: str = setting(
        "",
        "The issuer of the OpenID provider, such as `https://login.example.org`, exactly as its discovery document has "
        "it; empty: no sign-in with a provider.",
        matching(_URL + "/?", "Must be like https://login.example.org, without query."),
    )
    openid_client_id: str = setting("", "The client id at the OpenID provider.", text(0, 200))
    openid_client_secret: str = setting(
        "", "The client secret at the OpenID provider; empty: a public client.", fields.String(), secret=True
    )
    openid_public_url: str = setting(
        "http://127.0.0.1:8000",
        f"The public address of this API. With `{CALLBACK}` after it, it is the redirect URI at the OpenID provider. "
        "In production it must be `https`. The `Host` header has no influence.",
        matching(_URL, "Must be like https://tasks.example.org, without a final slash."),
    )
    openid_scopes: str = setting(
        "openid profile",
        "The scopes that are requested from the OpenID provider.",
        matching(rf"({_SCOPE} )*openid( {_SCOPE})*", "Must be scopes with spaces between them; one is `openid`."),
    )
    openid_hosts: str = setting(
        "",
        "Other hosts that the discovery document of the OpenID provider may name, such as "
        "`oauth2.example.com,keys.example.com`. The host of the issuer is always allowed.",
        matching(rf"\Z|{_HOST}(,{_HOST})*", "Must be hosts with commas between them."),
    )


def require_openid() -> OpenidSettings:
    """Return the settings, or respond 409 if there is no provider."""
    found = settings_of(OpenidSettings)
    return found if found.openid_issuer else problem("openid_off")


def is_plain_local(url: str) -> bool:
    """Tell whether a URL is plain HTTP to this machine, which is acceptable in development."""
    return url.startswith("http:") and urlsplit(url).hostname in LOCAL_HOSTS


def check_settings(found: OpenidSettings, *, production: bool) -> None:
    """Refuse an incomplete configuration, and requests without TLS. Raises SettingsError."""
    errors = [] if found.openid_client_id else ["TASKAPI_OPENID_CLIENT_ID: Must be set with TASKAPI_OPENID_ISSUER."]
    for name in ("openid_issuer", "openid_public_url"):
        url = getattr(found, name)
        if not url.startswith("https:") and (production or not is_plain_local(url)):
            errors.append(f"TASKAPI_{name.upper()}: Must be https. In development, it may be http on this machine.")
    if errors:
        raise SettingsError("\n".join(errors))
