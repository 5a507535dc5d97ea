"""Mails are sent once, with a real mail server that accepts, refuses, is slow, or is not there."""

import datetime as dt
import logging
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine

from taskapi.database import db, reader
from taskapi.extensions.mail import service, smtp
from taskapi.extensions.mail.models import OutgoingMail
from taskapi.extensions.mail.outbox import RENDERERS, Message, queue_mail
from tests.extensions.mail.sending import outbox_of, run_mail_server
from tests.servers import free_port

pytestmark = pytest.mark.slow

__all__ = ["outbox_of", "run_mail_server"]  # fixtures

LONG_LINE = "Ä “quoted” line of text. " * 20


def later(**units):
    return time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(**units), tick=True)


def test_mail_arrives_with_its_headers_and_text(run_mail_server, outbox_of):
    box = run_mail_server()
    outbox = outbox_of(box.url)
    outbox.ask(subject="Grüße", text=f"Hello Ada,\n\n{LONG_LINE}\n")
    assert outbox.send() == "1 sent"
    [mail], [envelope] = box.all(), box.envelopes()
    assert (mail["From"], mail["To"], mail["Subject"]) == ("Tasks <tasks@example.org>", "ada@example.org", "Grüße")
    assert mail.get_content().splitlines() == ["Hello Ada,", "", LONG_LINE]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"<[0-9a-f-]{36}@example\.org>", mail["Message-ID"])
    assert (envelope["from"], envelope["to"]) == ("tasks@example.org", ["ada@example.org"])
    assert (outbox.send(), outbox.status()["waiting"]) == ("No mail is due.", 0)


def test_mail_of_a_rolled_back_transaction_is_not_sent(run_mail_server, outbox_of):
    outbox = outbox_of(run_mail_server().url)
    with outbox.app.app_context():
        queue_mail("test")
        db.session.rollback()
    assert outbox.send() == "No mail is due."


@pytest.mark.parametrize("kind", ["test", "of-a-removed-extension"])
def test_mail_that_has_no_message_any_more_is_dropped(run_mail_server, outbox_of, kind):
    box = run_mail_server()
    outbox = outbox_of(box.url)
    with outbox.app.app_context():
        queue_mail(kind)
        db.session.commit()
    assert (outbox.send(), box.all()) == ("1 dropped", [])


def test_each_mail_is_sent_once_by_parallel_senders(run_mail_server, outbox_of):
    box = run_mail_server()
    outboxes = [outbox_of(box.url) for _ in range(4)]
    for number in range(20):
        outboxes[0].ask(subject=f"Mail {number}")

    def send(outbox):
        with outbox.app.app_context():
            return service.send_due()

    with ThreadPoolExecutor(4) as threads:
        assert sum((Counter(result) for result in threads.map(send, outboxes)), Counter()) == {"sent": 20}
    assert sorted(mail["Subject"] for mail in box.all()) == sorted(f"Mail {number}" for number in range(20))


class Crash(BaseException):
    """The process ends."""


def crash(*_):
    raise Crash


@pytest.mark.parametrize(("step", "copies"), [("_deliver", 1), ("delete", 2)], ids=["before", "after"])
def test_mail_is_sent_again_after_a_crash(run_mail_server, outbox_of, monkeypatch, step, copies):
    """A crash after sending leaves two copies, which have the same Message-ID."""
    box = run_mail_server()
    outbox = outbox_of(box.url)
    outbox.ask()
    with monkeypatch.context() as patched, outbox.app.app_context():
        patched.setattr(service, step, crash)
        with pytest.raises(Crash):
            service.send_due()
    assert outbox.send() == "No mail is due."  # the lease lasts
    with later(seconds=service.LEASE_SECONDS + 1):
        assert outbox.send() == "1 sent"
    assert len(box.all()) == copies
    assert len({mail["Message-ID"] for mail in box.all()}) == 1


def test_rejected_mail_fails_at_once_and_keeps_no_data(run_mail_server, outbox_of):
    outbox = outbox_of(run_mail_server("reject").url)
    outbox.ask()
    assert outbox.send() == "1 failed"
    assert outbox.status() == {"waiting": 0, "oldest": None, "failed": 1, "last_error": "SMTPRecipientsRefused 550"}
    with outbox.app.app_context():
        assert reader().execute(sa.select(OutgoingMail.data)).scalar_one() == {}
    with later(days=service.KEPT_DAYS + 1):
        outbox.send()
        assert outbox.status()["failed"] == 0


def test_outbox_keeps_the_latest_failed_mails_only(run_mail_server, outbox_of, monkeypatch):
    monkeypatch.setattr(service, "MAX_FAILED", 2)
    outbox = outbox_of(run_mail_server("reject").url)
    for _ in range(5):
        outbox.ask()
    outbox.send()
    assert outbox.status()["failed"] == 2


def test_deferred_mail_is_sent_again_later(run_mail_server, outbox_of):
    deferring = run_mail_server("defer")
    outbox = outbox_of(deferring.url)
    outbox.ask()
    assert (outbox.send(), outbox.send()) == ("1 retried", "No mail is due.")
    assert outbox.status()["last_error"] == "SMTPRecipientsRefused 451"
    wait = service.FIRST_RETRY_SECONDS + 1
    with later(seconds=wait):
        assert outbox.send() == "1 retried"
    with later(seconds=2 * wait):
        assert outbox.send() == "No mail is due."  # the next wait is longer
    with later(seconds=3 * wait):
        assert outbox.send() == "1 retried"


def test_mail_waits_for_a_server_that_is_down_and_then_gives_up(outbox_of):
    outbox = outbox_of(f"smtp://127.0.0.1:{free_port()}")
    outbox.ask()
    results = []
    for attempt in range(service.MAX_ATTEMPTS):
        with later(hours=2 * attempt):
            results.append(outbox.send())
    assert results == ["1 retried"] * (service.MAX_ATTEMPTS - 1) + ["1 failed"]
    assert outbox.status()["last_error"] == "ConnectionRefusedError"


def test_server_that_checks_the_text_slowly_is_waited_for(run_mail_server, outbox_of, monkeypatch):
    """Giving up at the end of the text would send the mail again, although the server may have accepted it."""
    monkeypatch.setattr(smtp, "STEP_SECONDS", 1)
    box = run_mail_server("slow")
    outbox = outbox_of(box.url)
    outbox.ask()
    assert (outbox.send(), len(box.all())) == ("1 sent", 1)


def test_accepted_mail_is_sent_once_whatever_the_server_answers_to_quit(run_mail_server, outbox_of):
    box = run_mail_server("rude")
    outbox = outbox_of(box.url)
    outbox.ask()
    assert (outbox.send(), len(box.all()), outbox.status()["waiting"]) == ("1 sent", 1, 0)


@pytest.mark.parametrize(("behaviour", "limit"), [("drip", "SEND_SECONDS"), ("silent", "STEP_SECONDS")])
def test_server_that_never_finishes_is_given_up(run_mail_server, outbox_of, monkeypatch, behaviour, limit):
    """A server that sends byte by byte resets the limit of a step, but not that of the mail."""
    monkeypatch.setattr(smtp, limit, 1)
    outbox = outbox_of(run_mail_server(behaviour).url)
    outbox.ask()
    started = time.monotonic()
    assert outbox.send() == "1 retried"
    assert time.monotonic() - started < 10  # the other limit is longer


def test_error_in_a_message_is_logged_and_retried(run_mail_server, outbox_of, monkeypatch, caplog):
    box = run_mail_server()
    outbox = outbox_of(box.url)
    outbox.ask()
    monkeypatch.setitem(RENDERERS, "test", lambda _data: 1 / 0)
    assert outbox.send() == "1 retried"
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        Message("ada@example.org", "Hello\r\nBcc: eve@example.org", ""),
        Message("ada@example.org", "Hello\nBcc: eve@example.org", ""),
        Message("ada@example.org\r\nBcc: eve@example.org", "Hello", ""),
        Message("ada@example.org, eve@example.org", "Hello", ""),
        Message("ada@example.org>\r\nRCPT TO:<eve@example.org", "Hello", ""),
    ],
)
def test_header_cannot_be_injected(run_mail_server, outbox_of, message):
    box = run_mail_server()
    outbox = outbox_of(box.url)
    outbox.ask(**message._asdict())
    assert (outbox.send(), box.all()) == ("1 retried", [])


def test_log_has_neither_recipient_nor_text(run_mail_server, outbox_of, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    outbox = outbox_of(run_mail_server("reject").url, LOG_LEVEL="debug")
    outbox.ask(text="https://tasks.example.org/#/reset-password/secret-token")
    outbox.send()
    text = caplog.text + "".join(capfd.readouterr())
    assert "attempt 1: SMTPRecipientsRefused 550; failed" in text
    assert not re.search("secret-token|ada@", text)


def test_mail_of_a_deleted_user_is_not_sent(run_mail_server, outbox_of, signed_in):
    outbox = outbox_of(run_mail_server().url)
    user = signed_in()
    with outbox.app.app_context():
        queue_mail("test", user_id=UUID(user.get("/api/v1/me").json["id"]))
        db.session.commit()
    assert user.delete("/api/v1/me").status_code == 204
    assert outbox.send() == "No mail is due."
