"""When reminders are due, and how many mails each user got."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.database import Model


class ReminderTime(Model):
    """An instant at which a reminder of a task is due. The sender of mails deletes it.

    The sender finds due rows of all users: a policy shows them to it, as one shows the change counters of all users.
    """

    __tablename__ = "reminder_times"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    remind_at: Mapped[datetime] = mapped_column(primary_key=True)
    task_id: Mapped[UUID] = mapped_column(primary_key=True)

    __table_args__ = (
        ForeignKeyConstraint(["owner_id", "task_id"], ["tasks.owner_id", "tasks.id"], ondelete="CASCADE"),
        Index(None, "remind_at"),
        Index(None, "owner_id", "task_id"),
    )


class ReminderMails(Model):
    """The number of mails with reminders that a user got on a day, in UTC."""

    __tablename__ = "reminder_mails"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date]
    mails: Mapped[int]
