"""Send one mail to a mail server, by the standard library."""

import smtplib
import socket
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from threading import Timer
from typing import Any
from uuid import UUID

from taskapi.database import now
from taskapi.extensions.mail.outbox import Message
from taskapi.extensions.mail.settings import Server, parse_sender

STEP_SECONDS = 15  # for each response of the mail server
TEXT_SECONDS = 180  # for the response to the text, which servers scan first; given up, the mail could arrive twice
SEND_SECONDS = 240  # for all of them; a server that responds byte by byte would otherwise never end
PERMANENT = 500  # codes from here on: the same mail will be refused again


class MailError(Exception):
    """The mail was not sent. The text names no recipient and repeats nothing that the server said."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


def build_mail(mail_id: UUID, sender: str, message: Message) -> EmailMessage:
    """Return the mail. The library refuses line breaks in header fields. A repeated mail has the same Message-ID."""
    address = parse_sender(sender)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = address
    mail["To"] = Address(addr_spec=message.to)
    mail["Subject"] = message.subject.replace("=?", "= ?")  # the library would decode an encoded word (RFC 2047)
    mail["Date"] = format_datetime(now())
    mail["Message-ID"] = f"<{mail_id}@{address.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic reply
    mail.set_content(message.text)
    return mail


def deliver(mail: EmailMessage, server: Server) -> None:
    """Send a mail. Raises MailError. Each mail has its own connection."""
    try:
        with _connect(server) as client:
            if server.user:
                client.login(server.user, server.password)
            client.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        ((code, _),) = error.recipients.values()
        raise MailError(f"SMTPRecipientsRefused {code}", permanent=code >= PERMANENT) from None
    except smtplib.SMTPResponseException as error:
        # A refused sender or password is an error of the settings, so later attempts may succeed
        is_permanent = isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= PERMANENT
        raise MailError(f"{type(error).__name__} {error.smtp_code}", permanent=is_permanent) from None
    except (OSError, smtplib.SMTPException) as error:  # ssl.SSLError is an OSError
        raise MailError(type(error).__name__) from None


def _connect(server: Server) -> smtplib.SMTP:
    """Connect, with TLS unless the server is on this machine and has none, or the URL forbids it."""
    context = ssl.create_default_context()
    if server.scheme == "smtps":
        return _SmtpOverTls(server.host, server.port, timeout=STEP_SECONDS, context=context)
    client = _Smtp(server.host, server.port, timeout=STEP_SECONDS)
    try:
        client.ehlo_or_helo_if_needed()
        if server.needs_starttls or (server.scheme == "smtp" and client.has_extn("starttls")):
            client.starttls(context=context)
    except BaseException:
        client.close()
        raise
    return client


class _Deadline:
    """Cut the connection SEND_SECONDS after it was opened."""

    sock: socket.socket | None
    _timer: Timer | None = None

    def connect(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        self._timer = Timer(SEND_SECONDS, self._cut)
        self._timer.daemon = True
        self._timer.start()
        response: tuple[int, bytes] = super().connect(*args, **kwargs)  # type: ignore[misc]
        return response

    def data(self, msg: Any) -> tuple[int, bytes]:
        assert self.sock  # noqa: S101 - the server has accepted the recipient
        self.sock.settimeout(TEXT_SECONDS)
        response: tuple[int, bytes] = super().data(msg)  # type: ignore[misc]
        self.sock.settimeout(STEP_SECONDS)
        return response

    def __exit__(self, *error: Any) -> None:
        """Send QUIT. The response does not matter: the mail has been accepted or refused before."""
        with suppress(OSError):  # smtplib's own errors included
            super().__exit__(*error)  # type: ignore[misc]

    def close(self) -> None:
        if self._timer:
            self._timer.cancel()
        super().close()  # type: ignore[misc]

    def _cut(self) -> None:
        if self.sock:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _Smtp(_Deadline, smtplib.SMTP):
    """A connection without TLS at its start."""


class _SmtpOverTls(_Deadline, smtplib.SMTP_SSL):
    """A connection with TLS from its start."""
