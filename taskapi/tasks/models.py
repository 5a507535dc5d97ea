"""A task."""

import unicodedata
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.database import Model, Trashable, now

NEVER = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
TITLE_KEY_LENGTH = 200  # folding may lengthen, and a cursor carries it
EXACT = Text().with_variant(Text(collation="C"), "postgresql")  # code points in order, as on SQLite


class Status(StrEnum):
    """How far a task is."""

    TODO = "todo"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    """How much a task matters, in ascending order."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


PRIORITIES = list(Priority)


class Task(Trashable, Model):
    """A task. What it is sorted and searched by is kept beside what it shows, so that every page reads an index.

    `due_first` and `due_last` are the due instant, or the last instant (UTC) of the due day; without one,
    the far future and the far past, so that such tasks come last either way.
    """

    __tablename__ = "tasks"

    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(String(16), default=Status.TODO.value)
    priority: Mapped[str] = mapped_column(String(16), default=Priority.NONE.value)
    due_date: Mapped[date | None]
    due_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    title_key: Mapped[str] = mapped_column(EXACT)
    words: Mapped[str]
    priority_rank: Mapped[int] = mapped_column(SmallInteger, default=0)
    due_first: Mapped[datetime] = mapped_column(default=NEVER)
    due_last: Mapped[datetime] = mapped_column(default=ALWAYS)

    __table_args__ = (
        CheckConstraint("due_date IS NULL OR due_at IS NULL", name="one_due"),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "owner_id", "updated_at", "id"),
        Index(None, "owner_id", "priority_rank", "id"),
        Index(None, "owner_id", "due_first", "id"),
        Index(None, "owner_id", "due_last", "id"),
        Index(None, "owner_id", "title_key", "id"),
    )

    def apply(self, changes: dict[str, Any]) -> None:
        """Take over what was named, and set what follows from it."""
        if changes.get("due_date"):
            changes.setdefault("due_at", None)
        if changes.get("due_at"):
            changes.setdefault("due_date", None)
        for name, value in changes.items():
            setattr(self, name, value)
        self.description = self.description or ""
        self.title_key = fold(self.title)[:TITLE_KEY_LENGTH]
        self.words = fold(f"{self.title}\n{self.description}")
        self.priority_rank = PRIORITIES.index(Priority(self.priority))
        self._set_due_keys()
        if "status" in changes:
            self._follow_status()

    def _set_due_keys(self) -> None:
        due = self.due_at or (last_instant(self.due_date) if self.due_date else None)
        self.due_first, self.due_last = due or NEVER, due or ALWAYS

    def _follow_status(self) -> None:
        if self.status != Status.DONE:
            self.completed_at = None
        elif self.completed_at is None:
            self.completed_at = now()


def last_instant(day: date) -> datetime:
    """Return the last microsecond of a day, UTC: a due day sorts behind the instants in it."""
    return datetime.combine(day, time.max, UTC)


def fold(text: str) -> str:
    """Return text without case and accents, for sorting and searching."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
