"""A mail server for tests: a process with aiosmtpd, which stores what it accepts and can misbehave."""

import asyncio
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.servers import ROOT, connects, free_port, wait_until

PASSWORD = "smtp-password-1"
SLOW_SECONDS = 1.5
HOSTS = ("127.0.0.1", "127.0.0.2")  # the second one does not count as this machine


class Mailbox:
    """The mails that a server has accepted, in order."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.url = f"smtp://127.0.0.1:{port}"
        self.folder = folder

    def all(self) -> list[EmailMessage]:
        """Return every mail."""
        files = sorted(self.folder.glob("*.json"), key=lambda path: int(path.stem))
        return [message_from_bytes(self.read(path)["data"].encode(), policy=policy.default) for path in files]  # type: ignore[arg-type]

    def envelopes(self) -> list[dict[str, Any]]:
        """Return sender, recipients, user and TLS of every mail."""
        return [self.read(path) for path in sorted(self.folder.glob("*.json"), key=lambda path: int(path.stem))]

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails to an address."""
        return [mail for mail in self.all() if mail["To"] == address]

    @staticmethod
    def read(path: Path) -> dict[str, Any]:
        """Return one mail with its envelope."""
        found: dict[str, Any] = json.loads(path.read_text())
        return found


@contextmanager
def mail_server(folder: Path, behaviour: str = "accept", certificate: Path | None = None) -> Iterator[Mailbox]:
    """Run a mail server.

    `behaviour` is accept, reject (550), defer (451), slow (at the end of the text), late (after it has stored the
    mail), rude (451 to QUIT), drip (byte by byte), silent, auth (a password is needed), or tls (from the start). With a
    certificate, the others offer STARTTLS.
    """
    folder.mkdir(exist_ok=True)
    port = free_port()
    words = [sys.executable, "-m", __name__, str(port), str(folder), behaviour, str(certificate or "")]
    process = subprocess.Popen(words, cwd=ROOT)
    try:
        wait_until(lambda: connects(port))
        yield Mailbox(port, folder)
    finally:
        process.kill()
        process.wait()


def _hang(port: int, greeting: bytes) -> None:
    """Send one byte of an endless greeting each 0.2 s, or nothing."""
    server = socket.create_server(("127.0.0.1", port))
    while True:
        connection, _ = server.accept()
        try:
            while True:
                connection.sendall(greeting)
                time.sleep(0.2)
        except OSError:
            connection.close()


def _main(port: int, folder: Path, behaviour: str, certificate: str) -> None:
    from aiosmtpd.smtp import SMTP, AuthResult  # noqa: PLC0415 - only this process needs it

    class Handler:
        async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
            if behaviour in {"reject", "defer"}:
                return "550 no such user" if behaviour == "reject" else "451 try again later"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_QUIT(self, _server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802
            return "451 stay" if behaviour == "rude" else "221 bye"

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            if behaviour == "slow":
                await asyncio.sleep(SLOW_SECONDS)
            number = len([*folder.glob("*.json")]) + 1
            found = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "data": envelope.content.decode()}
            found |= {"authenticated": session.authenticated, "tls": session.ssl is not None}
            (folder / f"{number}.part").write_text(json.dumps(found))
            (folder / f"{number}.part").rename(folder / f"{number}.json")
            if behaviour == "late":
                await asyncio.sleep(SLOW_SECONDS)
            return "250 stored"

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    options = {"authenticator": authenticate, "auth_require_tls": False, "auth_required": behaviour == "auth"}
    loop = asyncio.new_event_loop()
    at_once = behaviour == "tls"
    make = lambda: SMTP(Handler(), hostname="localhost", tls_context=None if at_once else context, loop=loop, **options)  # noqa: E731
    loop.run_until_complete(loop.create_server(make, HOSTS, port, ssl=context if at_once else None))
    loop.run_forever()


if __name__ == "__main__":
    if sys.argv[3] in {"drip", "silent"}:
        _hang(int(sys.argv[1]), b"2" if sys.argv[3] == "drip" else b"")
    _main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
