"""The setting of links in mails."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from marshmallow import fields
from marshmallow.validate import Regexp

from taskapi.config import Settings, SettingsError, setting, settings_of
from taskapi.extensions.mail.outbox import has_mail

DEVELOPMENT_URL = "http://127.0.0.1:8000"
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, kw_only=True)
class AccountMailSettings:
    """The setting of links in mails."""

    public_url: str = setting(
        "",
        "The address of the web client for links in mails, such as `https://tasks.example.org`; required with "
        "`TASKAPI_MAIL_URL` in production, where it is `https`. The `Host` header has no influence.",
        fields.String(
            validate=Regexp(
                r"\Z|https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[A-Za-z0-9._~-]+)*\Z",
                error="Must be like https://tasks.example.org or https://example.org/tasks, without a final slash.",
            )
        ),
    )


def public_url() -> str:
    """Return the address of the web client."""
    return settings_of(AccountMailSettings).public_url or DEVELOPMENT_URL


def check_settings(settings: Settings) -> None:
    """Refuse links to an unknown address, and in production links without TLS. Raises SettingsError."""
    if has_mail() and settings.production and (errors := [*_unfit()]):
        raise SettingsError("\n".join(errors))


def _unfit() -> Iterator[str]:
    url = urlsplit(settings_of(AccountMailSettings).public_url)
    if not url.hostname:
        yield "TASKAPI_PUBLIC_URL: Must be set with TASKAPI_MAIL_URL in production: links in mails need it."
    elif url.scheme != "https" and url.hostname not in LOCAL_HOSTS:
        yield "TASKAPI_PUBLIC_URL: Must be https in production: the pages behind links ask for passwords."
