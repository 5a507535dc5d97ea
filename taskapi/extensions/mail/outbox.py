"""Ask for a mail: the row in the outbox is part of the transaction of the caller.

A kind of mail has a function that makes the message. It runs in the sender, immediately before the mail is sent, in a
transaction of its own. It returns None if the mail must not be sent any more.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import insert, select

from taskapi.api import problem
from taskapi.database import db, reader
from taskapi.extensions.mail.models import OutgoingMail
from taskapi.extensions.mail.settings import mail_settings

MAX_WAITING: Final = 10_000  # mails in the outbox, without those that failed
QUEUED = Counter("taskapi_mails_queued", "Mails that requests asked for, by kind.", ["kind"])


class Message(NamedTuple):
    """A mail of plain text. Header fields cannot be injected: see `smtp.build_mail`."""

    to: str
    subject: str
    text: str


Render = Callable[[dict[str, Any]], Message | None]
Renderer = TypeVar("Renderer", bound=Render)
RENDERERS: dict[str, Render] = {}
Fill = Callable[[], None]
FILLS: list[Fill] = []


def renders(kind: str) -> Callable[[Renderer], Renderer]:
    """Declare the function that makes the messages of a kind from the values that `queue_mail` stored."""

    def register(render: Renderer) -> Renderer:
        RENDERERS[kind] = render
        return render

    return register


def fills_outbox(fill: Fill) -> Fill:
    """Declare a function that the sender calls before it looks for mails. It queues those that time makes due."""
    FILLS.append(fill)
    return fill


def queue_mail(kind: str, user_id: UUID | None = None, **data: Any) -> None:
    """Add a mail to the outbox, in the current transaction. It is deleted unsent if the user is deleted first.

    `data` is stored as JSON until the mail is sent, so it must contain no token.
    """
    db.session.execute(insert(OutgoingMail).values(kind=kind, user_id=user_id, data=data))
    QUEUED.labels(kind).inc()


def require_space() -> None:
    """Respond 503 if too many mails wait: without a sender, requests of strangers would fill the database."""
    if not has_space():
        problem("unavailable", "Too many mails are waiting to be sent.")


def has_space() -> bool:
    """Tell whether fewer than MAX_WAITING mails wait."""
    waiting = select(OutgoingMail.id).where(OutgoingMail.failed_at.is_(None))
    return reader().execute(waiting.offset(MAX_WAITING - 1).limit(1)).first() is None


def has_mail() -> bool:
    """Tell whether this server sends mail."""
    return bool(mail_settings().mail_url)
