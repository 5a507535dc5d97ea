"""Send the mails of the outbox.

A mail is sent once, even by several senders, because each takes it by a lease. If a sender crashes between sending a
mail and deleting its row, the mail is sent again after the lease, with the same Message-ID.
"""

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from typing import Any, Final

import click
from flask import Flask, current_app
from prometheus_client import Counter
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from taskapi.config import Settings
from taskapi.database import db, now, reader
from taskapi.extensions.mail.console import show_mail
from taskapi.extensions.mail.models import OutgoingMail
from taskapi.extensions.mail.outbox import FILLS, RENDERERS
from taskapi.extensions.mail.settings import CONSOLE, mail_settings, parse_server
from taskapi.extensions.mail.smtp import MailError, build_mail, deliver

LEASE_SECONDS: Final = 300  # more than a sender needs for one mail
POLL_SECONDS: Final = 2
FIRST_RETRY_SECONDS: Final = 30  # each further wait is twice as long, up to an hour
LONGEST_RETRY_SECONDS: Final = 3600
MAX_ATTEMPTS: Final = 12  # in about 6 hours
DELETE_ATTEMPTS: Final = 5
KEPT_DAYS: Final = 7  # for failed mails
MAX_FAILED: Final = 1000  # of them
LATE_MINUTES: Final = 5  # from here on /readyz reports the outbox
CONSOLE_SENDER: Final = "Task API <taskapi@localhost.localdomain>"

SENT = Counter("taskapi_mails_sent", "Attempts to send a mail in this process, by result.", ["result"])
_WAITING = OutgoingMail.failed_at.is_(None)


def send_due(is_stopped: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """Send every mail that is due; return how many were `sent`, `dropped`, `retried` and `failed`. Commits."""
    _fill_outbox()
    results: dict[str, int] = {}
    while not is_stopped() and (mail := _lease_next()) is not None:
        result = _send(mail)
        SENT.labels(result).inc()
        results[result] = results.get(result, 0) + 1
    _prune()
    return results


def _fill_outbox() -> None:
    """Let extensions queue what time makes due. An error is logged, and does not keep other mails back."""
    for fill in FILLS:
        try:
            fill()
        except SQLAlchemyError as error:
            db.session.rollback()
            current_app.logger.warning("the outbox was not filled: %s", type(error).__name__)
        except Exception:
            db.session.rollback()
            current_app.logger.exception("the outbox was not filled")


def _lease_next() -> Any:
    """Take the mail that has waited longest, or return None. Another sender may have taken it in between."""
    due = select(OutgoingMail.__table__).where(_WAITING).order_by(OutgoingMail.due_at).limit(1)
    while mail := reader().execute(due.where(OutgoingMail.due_at <= now())).first():
        taken: Any = db.session.execute(
            update(OutgoingMail)
            .where(OutgoingMail.id == mail.id, OutgoingMail.attempts == mail.attempts)
            .values(attempts=mail.attempts + 1, due_at=now() + timedelta(seconds=LEASE_SECONDS))
        )
        db.session.commit()
        if taken.rowcount:
            return mail
    return None


def _send(mail: Any) -> str:
    """Send a mail that this process has leased. Return the result."""
    try:
        render = RENDERERS.get(mail.kind)
        message = render(mail.data) if render else None  # without: the extension of the kind was removed
        db.session.commit()
        if message is not None:
            _deliver(mail, message)
    except MailError as error:
        return _postpone(mail, str(error), is_final=error.permanent)
    except Exception as error:
        db.session.rollback()
        current_app.logger.exception("mail %s (%s) was not sent", mail.id, mail.kind)
        return _postpone(mail, type(error).__name__, is_final=False)
    _delete(mail)
    return "dropped" if message is None else "sent"


def _delete(mail: Any) -> None:
    """Delete a mail that was sent. Tries again if the database is busy, because the mail would be sent again."""
    for attempt in range(DELETE_ATTEMPTS):
        try:
            db.session.execute(delete(OutgoingMail).where(OutgoingMail.id == mail.id))
            db.session.commit()
            return
        except OperationalError:
            db.session.rollback()
            if attempt == DELETE_ATTEMPTS - 1:
                raise


def _deliver(mail: Any, message: Any) -> None:
    settings = mail_settings()
    built = build_mail(mail.id, settings.mail_from or CONSOLE_SENDER, message)
    if settings.mail_url == CONSOLE:
        show_mail(built)
    else:
        deliver(built, parse_server(settings.mail_url))


def _postpone(mail: Any, reason: str, *, is_final: bool) -> str:
    """Try again later, or give up. A mail that failed keeps no data."""
    attempts = mail.attempts + 1
    if is_final or attempts >= MAX_ATTEMPTS:
        changes, result = {"failed_at": now(), "data": {}}, "failed"
    else:
        wait = min(FIRST_RETRY_SECONDS * 2**mail.attempts, LONGEST_RETRY_SECONDS)
        changes, result = {"due_at": now() + timedelta(seconds=wait)}, "retried"
    is_mine = OutgoingMail.id == mail.id, OutgoingMail.attempts == attempts  # the lease has not ended
    db.session.execute(update(OutgoingMail).where(*is_mine).values(last_error=reason, **changes))
    db.session.commit()
    current_app.logger.warning("mail %s (%s), attempt %s: %s; %s", mail.id, mail.kind, attempts, reason, result)
    return result


def _prune() -> None:
    """Delete mails that failed: old ones, and those beyond the latest MAX_FAILED."""
    failed = select(OutgoingMail.id, OutgoingMail.failed_at).where(OutgoingMail.failed_at.is_not(None))
    latest_first = OutgoingMail.failed_at.desc(), OutgoingMail.id.desc()
    surplus = reader().execute(failed.order_by(*latest_first).offset(MAX_FAILED)).all()
    old = reader().execute(failed.where(OutgoingMail.failed_at < now() - timedelta(days=KEPT_DAYS))).all()
    for row in {*surplus, *old}:
        db.session.execute(delete(OutgoingMail).where(OutgoingMail.id == row.id))
    if surplus or old:
        db.session.commit()


def count_mail() -> dict[str, Any]:
    """Return how many mails wait and how many failed, when the oldest was asked for, and the latest error."""
    columns = func.count(), func.min(OutgoingMail.created_at)
    waiting, oldest = reader().execute(select(*columns).where(_WAITING)).one()
    failed = reader().execute(select(func.count()).where(OutgoingMail.failed_at.is_not(None))).scalar_one()
    latest = select(OutgoingMail.last_error).where(OutgoingMail.last_error.is_not(None))
    error = reader().execute(latest.order_by(OutgoingMail.due_at.desc()).limit(1)).scalar()
    return {"waiting": waiting, "oldest": oldest, "failed": failed, "last_error": error}


def check_outbox() -> str | None:
    """Return why mails are not sent, or None. They wait for a mail server, or no sender runs."""
    try:
        found = count_mail()
    except SQLAlchemyError:
        return "the outbox cannot be read"
    if found["oldest"] is None or found["oldest"] > now() - timedelta(minutes=LATE_MINUTES):
        return None
    reason = found["last_error"] or "does `flask mail send --watch` run?"
    return f"{found['waiting']} mails wait, the oldest since {found['oldest']:%Y-%m-%d %H:%M} UTC: {reason}"


def start_sender(app: Flask, settings: Settings) -> None:
    """Start a thread that sends mails, in servers with the embedded database and in those that show mails."""
    command = click.get_current_context(silent=True)
    is_server = command is None or command.info_name in {"run", "dev"}
    if is_server and (settings.embedded or mail_settings().mail_url == CONSOLE):
        Thread(target=send_forever, args=(app, Event()), name="mail", daemon=True).start()


def send_forever(app: Flask, stop: Event) -> None:
    """Send mails as they become due, until `stop` is set."""
    while not stop.wait(POLL_SECONDS):
        try:
            with app.app_context():
                send_due(stop.is_set)
        except SQLAlchemyError as error:
            app.logger.warning("the outbox cannot be used: %s", type(error).__name__)
        except Exception:  # the thread would end, and no mail would be sent until the server is restarted
            app.logger.exception("the sender of mail failed")
