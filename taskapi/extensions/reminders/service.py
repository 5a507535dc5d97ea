"""Queue mails for reminders that are due.

The sender of mails calls this before it sends. Due rows are deleted in the transaction that queues the mail, while
their owner is locked. So each reminder is in one mail, also with several senders, and after a crash.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, delete, select, tuple_
from sqlalchemy.exc import NoResultFound

from taskapi.config import settings_of
from taskapi.database import db, now, reader, rls_count_only, rls_user
from taskapi.extensions.account_mail.models import VerifiedEmail
from taskapi.extensions.account_mail.settings import public_url
from taskapi.extensions.mail.outbox import Message, fills_outbox, has_space, queue_mail, renders
from taskapi.extensions.reminders.models import ReminderMails, ReminderTime
from taskapi.extensions.reminders.times import ReminderSettings
from taskapi.resources.ownership import lock_owner
from taskapi.tasks.models import Task
from taskapi.tasks.queries import is_not_archived, is_open
from taskapi.users.models import User

LATE: Final = timedelta(hours=24)  # a reminder that is later than this is not mailed
ROWS_AT_ONCE: Final = 500  # in one look, of all users; and in one transaction, of one user
MAX_TITLES: Final = 20  # in one mail


@fills_outbox
def queue_due() -> None:
    """Queue a mail for each user with due reminders. The rest waits for the next look, and while the outbox is full."""
    moment = now()
    due = select(ReminderTime.owner_id).where(ReminderTime.remind_at <= moment)
    with rls_count_only():
        owners = reader().scalars(due.order_by(ReminderTime.remind_at).limit(ROWS_AT_ONCE)).all()
    for owner_id in dict.fromkeys(owners):
        if not has_space():
            return
        with suppress(NoResultFound), rls_user(owner_id):  # the account was deleted meanwhile
            lock_owner(owner_id, 0)
            _queue_for(owner_id, moment)
            db.session.commit()


def _queue_for(owner_id: UUID, moment: datetime) -> None:
    """Delete due rows of a user, and queue a mail about those tasks that are open. Needs the lock of the owner."""
    key = ReminderTime.remind_at, ReminderTime.task_id
    mine = ReminderTime.owner_id == owner_id
    due = select(*key).where(mine, ReminderTime.remind_at <= moment).order_by(*key).limit(ROWS_AT_ONCE)
    rows = db.session.execute(due).all()
    db.session.execute(
        delete(ReminderTime).where(mine, tuple_(*key).in_(due)), execution_options={"synchronize_session": False}
    )
    recent = {row.task_id for row in rows if row.remind_at >= moment - LATE}
    found = db.session.scalars(select(Task.id).where(*_shown(owner_id, [*recent])), {"owner_id": owner_id}).all()
    if found and _address_of(owner_id) and _count_mail(owner_id, moment):
        tasks = [str(task_id) for task_id in found[:MAX_TITLES]]
        queue_mail("reminder", owner_id, owner=str(owner_id), tasks=tasks, more=len(found) - len(tasks))


def _shown(owner_id: UUID, task_ids: Any) -> tuple[Any, ...]:
    """Return the conditions of the open tasks among some. The statement has a parameter `owner_id`."""
    is_live = and_(Task.deleted_at.is_(None), is_open(), is_not_archived())
    return Task.owner_id == owner_id, Task.id.in_(task_ids), is_live


def _address_of(owner_id: UUID) -> str | None:
    """Return the verified address of an active account."""
    verified = select(User.email).join(VerifiedEmail, VerifiedEmail.user_id == User.id)
    is_valid = User.id == owner_id, User.active.is_(True), VerifiedEmail.email == User.email
    return db.session.scalar(verified.where(*is_valid))


def _count_mail(owner_id: UUID, moment: datetime) -> bool:
    """Count a mail of a user. Returns false beyond the limit of the day."""
    counter = db.session.get(ReminderMails, owner_id, populate_existing=True)
    if counter is None:
        counter = ReminderMails(owner_id=owner_id, day=moment.date(), mails=0)
        db.session.add(counter)
    if counter.day != moment.date():
        counter.day, counter.mails = moment.date(), 0
    if counter.mails >= settings_of(ReminderSettings).max_reminder_mails:
        return False
    counter.mails += 1
    return True


@renders("reminder")
def render_reminder(data: dict[str, Any]) -> Message | None:
    """Return the mail, with titles alone, or None if its tasks are finished or deleted, or its address is not valid."""
    owner_id = UUID(data["owner"])
    address = _address_of(owner_id)
    with rls_user(owner_id):
        shown = select(Task.title).where(*_shown(owner_id, [UUID(task_id) for task_id in data["tasks"]]))
        titles = db.session.scalars(shown.order_by(Task.due_first, Task.id), {"owner_id": owner_id}).all()
    if not titles or not address:
        return None
    count = len(titles) + data["more"]
    subject = f"Reminder: {titles[0]}" if count == 1 else f"Reminder of {count} tasks"
    lines = [*(f"- {title}" for title in titles), *([f"and {data['more']} more"] if data["more"] else [])]
    return Message(address, subject, "\n".join([*lines, "", public_url(), ""]))
