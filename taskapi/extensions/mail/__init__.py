"""Outgoing mail: an outbox in the database, a sender, and `flask mail`."""

from flask import Flask

from taskapi.config import Settings
from taskapi.extensions import Extension
from taskapi.extensions.mail.commands import mail
from taskapi.extensions.mail.console import init_console
from taskapi.extensions.mail.outbox import has_mail
from taskapi.extensions.mail.service import check_outbox, start_sender
from taskapi.extensions.mail.settings import MailSettings, check_settings
from taskapi.ops.health import add_report


def init_mail(app: Flask, settings: Settings) -> None:
    """Check the settings. If there is a mail server, add its parts."""
    with app.app_context():
        check_settings(settings)
        if has_mail():
            add_report(app, "mail", check_outbox)
            init_console(app)
            start_sender(app, settings)


EXTENSION = Extension(
    name="mail",
    init=init_mail,
    commands=(mail,),
    settings=MailSettings,
)
