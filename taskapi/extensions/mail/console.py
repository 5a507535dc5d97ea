"""`console:` in place of a mail server: mails go to standard error and to the page /mail/. Development only."""

import re
from collections import deque
from email.message import EmailMessage

import click
from flask import Blueprint, Flask, Response, request
from markupsafe import escape
from werkzeug.exceptions import NotFound

from taskapi.api import public
from taskapi.extensions.mail.settings import CONSOLE, LOCAL_HOSTS, mail_settings

KEPT = 50
SHOWN: deque[str] = deque(maxlen=KEPT)  # the latest mails of this process
_URL = re.compile(r"https?://[^\s&]+")

pages = Blueprint("mail", __name__)


def show_mail(mail: EmailMessage) -> None:
    """Print a mail, and keep it for the page."""
    text = f"To: {mail['To']}\nSubject: {mail['Subject']}\n\n{mail.get_content()}"
    SHOWN.appendleft(text)
    click.echo(f"--- mail ---\n{text}------------", err=True)


@pages.get("/mail/")
@public
def list_mail() -> Response:
    """Show the latest mails to a browser on this machine. The mails have links that change passwords."""
    if request.remote_addr not in LOCAL_HOSTS:
        raise NotFound
    linked = [_URL.sub(r'<a href="\g<0>">\g<0></a>', str(escape(text))) for text in SHOWN]
    listed = "<hr>".join(f"<pre>{text}</pre>" for text in linked) or "<p>No mail yet. Reload this page.</p>"
    page = f'<!doctype html><html lang="en"><title>Mail</title><h1>Mail</h1>{listed}</html>'
    return Response(page, content_type="text/html; charset=utf-8")


def init_console(app: Flask) -> None:
    """Register the page if mails go to the console."""
    if mail_settings().mail_url == CONSOLE:
        app.register_blueprint(pages)
