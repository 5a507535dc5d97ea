"""How an operator and a developer see mail: commands, readiness, the sender of a server, and the console."""

import os
import re
import signal
import subprocess
import sys
from threading import Event

import pytest
import sqlalchemy as sa
from test_sending import later

from taskapi.database import db
from taskapi.extensions.mail import console, service
from taskapi.extensions.mail.models import OutgoingMail
from tests.extensions.mail.sending import outbox_of, run_mail_server
from tests.servers import ROOT, wait_until

pytestmark = pytest.mark.slow

__all__ = ["outbox_of", "run_mail_server"]  # fixtures

FLASK_WITH_TEST_MAIL = """
from flask.cli import main
from taskapi.extensions.mail.outbox import RENDERERS, Message
RENDERERS["test"] = lambda data: Message(**data)
main()
"""


def test_status_shows_what_waits_and_the_last_error(run_mail_server, outbox_of):
    outbox = outbox_of(run_mail_server("defer").url)
    run = outbox.app.test_cli_runner().invoke
    assert run(args=["mail", "status"]).stdout == "0 waiting. 0 failed.\n"
    outbox.ask()
    outbox.send()
    shown = run(args=["mail", "status"]).stdout
    assert re.fullmatch(
        r"1 waiting, the oldest since [-\d]{10} [:\d]{8} UTC\. 0 failed\. Last error: SMTPRecipientsRefused 451\.\n",
        shown,
    )


def test_readiness_and_doctor_report_mail_that_waits_too_long(run_mail_server, outbox_of):
    outbox = outbox_of(run_mail_server("defer").url)
    client, run = outbox.app.test_client(), outbox.app.test_cli_runner().invoke
    outbox.ask()
    outbox.send()
    assert client.get("/readyz").json["degraded"] == []
    with later(minutes=service.LATE_MINUTES + 1):
        assert client.get("/readyz").json["degraded"] == ["mail"]
        assert re.search(r"FAIL  mail .*1 mails wait, .*: SMTPRecipientsRefused 451", run(args=["doctor"]).stdout)


def test_readiness_reports_that_no_sender_runs(outbox_of):
    outbox = outbox_of("smtp://mail.example.org")
    outbox.ask()
    with later(minutes=service.LATE_MINUTES + 1):
        assert "does `flask mail send --watch` run?" in outbox.app.test_cli_runner().invoke(args=["doctor"]).stdout


def start_sender(url, database_url):
    """Start a sender in a process of its own."""
    environment = {
        "TASKAPI_MAIL_URL": url,
        "TASKAPI_MAIL_FROM": "tasks@example.org",
        "TASKAPI_DATABASE_URL": database_url,
    }
    command = [sys.executable, "-c", FLASK_WITH_TEST_MAIL, "--app", "wsgi", "mail", "send", "--watch"]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)


def test_sender_that_is_killed_before_it_commits_sends_again(run_mail_server, outbox_of, database_url):
    """SIGKILL after the server has stored the mail. Both copies have the same Message-ID."""
    box = run_mail_server("late")
    outbox = outbox_of(box.url)
    with start_sender(box.url, database_url) as sender:
        try:
            outbox.ask()
            wait_until(lambda: len(box.all()) == 1)
        finally:
            sender.kill()
    assert (attempts(outbox), outbox.send()) == ([1], "No mail is due.")  # the lease lasts
    with later(seconds=service.LEASE_SECONDS + 1):
        assert outbox.send() == "1 sent"
    assert (len(box.all()), len({mail["Message-ID"] for mail in box.all()})) == (2, 1)


def test_clock_that_is_set_back_delays_mail_and_repeats_none(run_mail_server, outbox_of):
    box = run_mail_server()
    outbox = outbox_of(box.url)
    outbox.ask()
    with later(hours=-2):
        assert outbox.send() == "No mail is due."
    assert outbox.send() == "1 sent"
    with later(hours=-2):
        assert outbox.send() == "No mail is due."
    assert len(box.all()) == 1


def test_watching_sender_sends_and_stops_at_sigterm(run_mail_server, outbox_of, database_url):
    box = run_mail_server("slow")
    outbox = outbox_of(box.url)
    sender = start_sender(box.url, database_url)
    try:
        outbox.ask()
        wait_until(lambda: attempts(outbox) == [1])
        sender.send_signal(signal.SIGTERM)  # while the mail is sent, which is then finished
        _, errors = sender.communicate(timeout=30)
    finally:
        sender.kill()
    assert (sender.returncode, errors) == (0, "")
    assert (len(box.all()), attempts(outbox)) == (1, [])


def attempts(outbox):
    with outbox.app.app_context():
        found = db.session.scalars(sa.select(OutgoingMail.attempts)).all()
        db.session.rollback()
        return found


ERRORS = {
    "the outbox cannot be used: OperationalError": sa.exc.OperationalError("", {}, Exception()),
    "the sender of mail failed": RuntimeError(),
}


@pytest.mark.parametrize("logged", ERRORS)
def test_sender_continues_after_an_error(run_mail_server, outbox_of, monkeypatch, caplog, logged):
    outbox = outbox_of(run_mail_server().url)
    outbox.ask()
    send_due = service.send_due

    def fail(_is_stopped):
        raise ERRORS[logged]

    turns = iter([fail, send_due])
    stop = Event()

    def take_turn(is_stopped):
        return next(turns, lambda _: stop.set())(is_stopped)

    monkeypatch.setattr(service, "POLL_SECONDS", 0)
    monkeypatch.setattr(service, "send_due", take_turn)
    service.send_forever(outbox.app, stop)
    assert logged in caplog.text
    assert outbox.status()["waiting"] == 0


def test_console_shows_mail_to_this_machine_only(outbox_of, monkeypatch):
    monkeypatch.setattr(console, "SHOWN", console.SHOWN.copy())
    outbox = outbox_of("console:")
    client = outbox.app.test_client()
    outbox.ask(text="<script>alert(1)</script> http://127.0.0.1:8000/#/reset-password/abc\n")
    result = outbox.app.test_cli_runner().invoke(args=["mail", "send"])
    assert result.stdout == "1 sent\n"
    assert "To: ada@example.org\nSubject: Hello\n" in result.stderr
    page = client.get("/mail/")
    assert "&lt;script&gt;" in page.text
    assert '<a href="http://127.0.0.1:8000/#/reset-password/abc">' in page.text
    assert client.get("/mail/", environ_base={"REMOTE_ADDR": "203.0.113.7"}).status_code == 404


def test_page_of_mail_exists_only_with_the_console(run_mail_server, outbox_of, client):
    assert client.get("/mail/").status_code == 404
    assert outbox_of(run_mail_server().url).app.test_client().get("/mail/").status_code == 404
