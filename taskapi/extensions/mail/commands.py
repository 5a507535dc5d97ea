"""`flask mail`: send the mails of the outbox, and show what waits."""

import signal
from threading import Event

import click

from taskapi.api.responses import to_json
from taskapi.cli.command import Group, json_option
from taskapi.context import current_application
from taskapi.extensions.mail.outbox import has_mail
from taskapi.extensions.mail.service import count_mail, send_due, send_forever


@click.group("mail", cls=Group)
def mail() -> None:
    """Send mail, and show what waits."""


@mail.command("send")
@click.option("--watch", is_flag=True, help="Continue until SIGTERM, and look for new mail every 2 seconds.")
def send(watch: bool) -> None:
    """Send every mail that is due.

    Several senders may run at once: each mail is sent once. A server with the embedded database has its own sender.
    """
    if not has_mail():
        raise click.ClickException("TASKAPI_MAIL_URL is not set, so there is no mail server.")
    if watch:
        _send_until_stopped()
        return
    results = send_due()
    click.echo(", ".join(f"{count} {result}" for result, count in sorted(results.items())) or "No mail is due.")


def _send_until_stopped() -> None:
    """Send until a signal arrives. The mail that is being sent is finished first."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    send_forever(current_application(), stop)


@mail.command("status")
@json_option
def status(as_json: bool) -> None:
    """Show how many mails wait, how many failed in the last days, and the latest error."""
    found = count_mail()
    if as_json:
        click.echo(to_json(found).decode().rstrip())
        return
    since = f", the oldest since {found['oldest']:%Y-%m-%d %H:%M:%S} UTC" if found["oldest"] else ""
    error = f" Last error: {found['last_error']}." if found["last_error"] else ""
    click.echo(f"{found['waiting']} waiting{since}. {found['failed']} failed.{error}")
