"""The settings of outgoing mail."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from urllib.parse import unquote, urlsplit

from marshmallow import ValidationError, fields

from taskapi.config import Settings, SettingsError, setting, settings_of

CONSOLE = "console:"
PORTS = {"smtps": 465, "smtp": 587, "smtp+plain": 25}
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
# As in HTML, but the domain has a dot. Other characters would need SMTPUTF8, or have a meaning in a header
_ADDRESS = re.compile(
    r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?",
    re.ASCII,
)
_SENDER = re.compile(r"(?P<name>[^<>@,;:\"\\\x00-\x1f\x7f]*)<(?P<address>[^<>]+)>|(?P<bare>[^<>]+)")


def is_mailable(address: str) -> bool:
    """Tell whether mail can be sent to an address: ASCII, without quotes, comments and spaces."""
    local, _, _ = address.rpartition("@")
    has_encoded_word = "=?" in address  # RFC 2047: a header cannot contain it literally
    fits = len(address) <= 254 and len(local) <= 64
    return fits and not has_encoded_word and bool(_ADDRESS.fullmatch(address))


@dataclass(frozen=True)
class Server:
    """A mail server. `smtps` is TLS from the start, `smtp` is STARTTLS, which a local server may lack."""

    scheme: str
    host: str
    port: int
    user: str
    password: str

    @property
    def needs_starttls(self) -> bool:
        """Whether a connection without TLS must not be used."""
        return self.scheme == "smtp" and self.host not in LOCAL_HOSTS


def parse_server(url: str) -> Server:
    """Return the server of a URL. Raises ValueError; the message omits the URL, which may contain a password."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("Must be smtps://user:password@host:port, smtp://…, smtp+plain://… or console:.")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise ValueError("Must have both a user and a password, or neither.")
    if not (user + password).isascii():
        raise ValueError("User and password must be ASCII.")
    return Server(parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme], user, password)


def _is_mail_url(url: str) -> None:
    if url in {"", CONSOLE}:
        return
    try:
        server = parse_server(url)
    except ValueError as error:
        raise ValidationError(str(error)) from None
    if server.scheme == "smtp+plain" and server.user:
        raise ValidationError("smtp+plain:// would send the password without TLS.")


def parse_sender(text: str) -> Address:
    """Return the address of a sender, which may have a name: `Tasks <tasks@example.org>`. Raises ValueError."""
    found = _SENDER.fullmatch(text)
    address = found and (found["address"] or found["bare"])
    if found is None or not address or not is_mailable(address):
        raise ValueError("Must be an address, as in `Tasks <tasks@example.org>`.")
    return Address(display_name=(found["name"] or "").strip(), addr_spec=address)


def _is_sender(text: str) -> None:
    try:
        if text:
            parse_sender(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


@dataclass(frozen=True, kw_only=True)
class MailSettings:
    """The settings of outgoing mail."""

    mail_url: str = setting(
        "",
        "The mail server: `smtps://user:password@host:465` (TLS), `smtp://user:password@host:587` (STARTTLS), "
        "`smtp+plain://host:25` (no TLS, no password), or in development `console:` (shown, not sent); empty: no mail.",
        fields.String(validate=_is_mail_url),
        secret=True,
    )
    mail_from: str = setting(
        "", "The sender of mail, such as `Tasks <tasks@example.org>`.", fields.String(validate=_is_sender)
    )


def mail_settings() -> MailSettings:
    """Return the settings of outgoing mail of the current application."""
    return settings_of(MailSettings)


def check_settings(settings: Settings) -> None:
    """Refuse a mail server without a sender, and the console in production. Raises SettingsError."""
    if errors := [*_unfit(mail_settings(), settings)]:
        raise SettingsError("\n".join(errors))


def _unfit(mail: MailSettings, settings: Settings) -> Iterator[str]:
    if mail.mail_url == CONSOLE and settings.production:
        yield "TASKAPI_MAIL_URL: console: shows links that reset passwords. It is refused in production."
    if mail.mail_url not in {"", CONSOLE} and not mail.mail_from:
        yield "TASKAPI_MAIL_FROM: Must be set with TASKAPI_MAIL_URL."
