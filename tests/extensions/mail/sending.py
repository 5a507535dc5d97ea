"""Fixtures: mail servers, and an application that sends to one."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from taskapi.database import db
from taskapi.extensions import mail
from taskapi.extensions.mail.models import OutgoingMail
from taskapi.extensions.mail.outbox import RENDERERS, Message, queue_mail
from tests.conftest import AppFactory
from tests.extensions.mail.mail_server import Mailbox, mail_server


class Outbox:
    """The outbox of an application, with the commands that use it."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def ask(self, **data: Any) -> None:
        """Ask for a mail of a kind that only the tests have."""
        with self.app.app_context():
            queue_mail("test", **{"to": "ada@example.org", "subject": "Hello", "text": "The text.\n", **data})
            db.session.commit()

    def send(self) -> str:
        """Run `flask mail send`; return what it prints."""
        result = self.app.test_cli_runner().invoke(args=["mail", "send"])
        assert result.exit_code == 0, result.output
        return result.stdout.strip()

    def status(self) -> dict[str, Any]:
        """Run `flask mail status --json`; return what it prints."""
        result = self.app.test_cli_runner().invoke(args=["mail", "status", "--json"])
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def clear(self) -> None:
        """Delete the mails of earlier tests, which share the database."""
        with self.app.app_context():
            db.session.execute(sa.delete(OutgoingMail))
            db.session.commit()


@pytest.fixture
def run_mail_server(tmp_path: Path) -> Iterator[Callable[..., Mailbox]]:
    """Start mail servers, and stop them after the test."""
    with ExitStack() as servers:
        yield lambda *options: servers.enter_context(mail_server(tmp_path / f"mail-{len(options)}", *options))


@pytest.fixture
def outbox_of(make_app: AppFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outbox]:
    """Build an application with this mail server, but no thread that sends; returns its outbox, which is empty."""
    monkeypatch.setattr(mail, "start_sender", lambda *_: None)  # it would outlive the test, and send for other tests
    monkeypatch.setitem(RENDERERS, "test", lambda data: Message(**data) if data else None)

    def build(url: str, **settings: str) -> Outbox:
        outbox = Outbox(make_app(MAIL_URL=url, **{"MAIL_FROM": "Tasks <tasks@example.org>", **settings}))
        outbox.clear()
        return outbox

    return build
