"""The models of tasks and of their labels."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    String,
    and_,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from taskapi.database import (
    CODE_POINT_TEXT,
    INTERNAL,
    OWNER,
    TEXT_LIST,
    JsonObject,
    Model,
    NameList,
    UtcDateTime,
    now,
    partial_index,
)
from taskapi.database.types import fold
from taskapi.labels.models import Label
from taskapi.projects.models import Project
from taskapi.resources.models import Trashable
from taskapi.tasks.days import ALWAYS, NEVER, end_of_day, instant_key

DUE = {"due_date", "due_at"}
TEXT = {"title", "description", "priority"}  # the fields that `text_keys` depends on
TITLE_KEY_LENGTH = 200  # folded text may be longer than the title, and a cursor contains it
MAX_FOLDED_LENGTH = 60_000  # three times the longest description, the length of folded Korean text
FOLDED_AT_ONCE = 2_000
RECURRENCE = ("recurrence", "recurrence_from")
MAX_RULE_LENGTH = 200


class Status(StrEnum):
    """The status of a task."""

    TODO = "todo"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    """The priority of a task, in ascending order."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


class RecurrenceStart(StrEnum):
    """The date from which the next one of a recurring task is counted."""

    DUE = "due"
    COMPLETION = "completion"


PRIORITIES = list(Priority)
_EMPTY: dict[str, Any] = {
    **dict.fromkeys(("due_date", "due_at", "completed_at", "project_id", "parent_id", "deleted_at", "deleted_with")),
    **dict.fromkeys(("recurrence", "next_id", "next_version")),
    "recurrence_from": RecurrenceStart.DUE.value,
    "labels": [],
    "reminders": [],
    "description": "",
    "status": Status.TODO.value,
    "priority": Priority.NONE.value,
}


def _live_index(column: str) -> Index:
    return Index(f"ix_tasks_live_{column}", "owner_id", column, "id", **partial_index("deleted_at IS NULL"))


def _literal(instant: datetime) -> ColumnElement[datetime]:
    return literal(instant, UtcDateTime())


class Task(Trashable, Model):
    """A task. It has columns for its sort keys and its folded text, so that every page of a list uses an index.

    `due_first` and `due_last` are the due instant, or the last microsecond of the due day in the owner's time zone;
    without a due date they are the last and the first instant, so that such tasks come last in both directions.
    `completed_first` and `completed_last` are the same for completion. `deleted_with` is the task or project whose
    deletion moved it to the trash: the task, an ancestor or its project.

    `labels` are the names of its labels outside the trash, by which lists show them without a join. Whoever changes the
    labels of a task, or a name that it shows, sets them too: see LABEL_NAMES.

    `position` orders the tasks of a group: those of the same project and parent. A new task has its id, which starts
    with the time, as 32 hexadecimal digits, and so is the last one. No two tasks of a group have the same position.

    An extension may add a next task when a task with a `recurrence` is completed: `next_id` is its id, and no row that
    was added with it had a higher version than `next_version`.
    """

    __tablename__ = "tasks"

    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(String(16), default=Status.TODO.value)
    priority: Mapped[str] = mapped_column(String(16), default=Priority.NONE.value)
    due_date: Mapped[date | None]
    due_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    project_id: Mapped[UUID | None]
    parent_id: Mapped[UUID | None]
    position: Mapped[str] = mapped_column(CODE_POINT_TEXT)
    deleted_with: Mapped[UUID | None]
    recurrence: Mapped[str | None] = mapped_column(String(MAX_RULE_LENGTH))
    recurrence_from: Mapped[str] = mapped_column(
        String(16), default=RecurrenceStart.DUE.value, server_default=RecurrenceStart.DUE.value
    )
    labels: Mapped[list[str]] = mapped_column(TEXT_LIST, default=list)
    reminders: Mapped[list[str]] = mapped_column(TEXT_LIST, default=list)
    next_id: Mapped[UUID | None]
    next_version: Mapped[int | None] = mapped_column(BigInteger, info=INTERNAL)
    title_key: Mapped[str] = mapped_column(CODE_POINT_TEXT, info=INTERNAL)
    words: Mapped[str] = mapped_column(info=INTERNAL)
    priority_rank: Mapped[int] = mapped_column(SmallInteger, default=0, info=INTERNAL)
    due_first: Mapped[datetime] = mapped_column(default=NEVER, info=INTERNAL)
    due_last: Mapped[datetime] = mapped_column(default=ALWAYS, info=INTERNAL)
    completed_first: Mapped[datetime] = mapped_column(default=NEVER, server_default=_literal(NEVER), info=INTERNAL)
    completed_last: Mapped[datetime] = mapped_column(default=ALWAYS, server_default=_literal(ALWAYS), info=INTERNAL)

    __table_args__ = (
        CheckConstraint("due_date IS NULL OR due_at IS NULL", name="one_due"),
        CheckConstraint("recurrence IS NULL OR due_date IS NOT NULL OR due_at IS NOT NULL", name="recurrence_due"),
        ForeignKeyConstraint(["owner_id", "project_id"], ["projects.owner_id", "projects.id"]),
        ForeignKeyConstraint(["owner_id", "parent_id"], ["tasks.owner_id", "tasks.id"]),
        Index(None, "owner_id", "version", unique=True),
        Index("ix_tasks_project", "owner_id", "project_id", "deleted_at", "status"),
        Index("ix_tasks_roots", "owner_id", "position", "id", **partial_index("parent_id IS NULL")),
        Index("ix_tasks_siblings", "owner_id", "parent_id", "position", "id", **partial_index("parent_id IS NOT NULL")),
        _live_index("created_at"),
        _live_index("updated_at"),
        _live_index("priority_rank"),
        _live_index("due_first"),
        _live_index("due_last"),
        _live_index("completed_first"),
        _live_index("completed_last"),
        _live_index("title_key"),
        Index("ix_tasks_trash", "owner_id", "deleted_at", **partial_index("deleted_at IS NOT NULL")),
    )

    def set_fields(self, changes: dict[str, Any], zone: ZoneInfo) -> None:
        """Set the fields that `changes` names, and the columns that depend on them. `zone` is the owner's time zone."""
        if changes.get("due_date"):
            changes.setdefault("due_at", None)
        if changes.get("due_at"):
            changes.setdefault("due_date", None)
        for name, value in changes.items():
            setattr(self, name, value)
        self.description = self.description or ""
        self.reminders = self.reminders or []
        keys: dict[str, Any] = {}
        if TEXT & changes.keys():
            keys |= text_keys(self.title, self.description, self.priority or Priority.NONE)
        if DUE & changes.keys():
            keys |= due_keys(self.due_date, self.due_at, zone)
        for name, value in keys.items():
            setattr(self, name, value)
        if "status" in changes:
            self._follow_status()

    def _follow_status(self) -> None:
        if self.status != Status.DONE:
            self.completed_at = None
        elif self.completed_at is None:
            self.completed_at = now()
        for name, value in completed_keys(self.completed_at).items():
            setattr(self, name, value)


class TaskLabel(Model):
    """A label on a task."""

    __tablename__ = "task_labels"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    label_id: Mapped[UUID] = mapped_column(primary_key=True)

    __table_args__ = (
        ForeignKeyConstraint(["owner_id", "task_id"], ["tasks.owner_id", "tasks.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["owner_id", "label_id"], ["labels.owner_id", "labels.id"], ondelete="CASCADE"),
        Index(None, "owner_id", "label_id", "task_id"),
    )


_names = (  # an outer join, so that each label is found by its key
    select(Label.name.label("name"))
    .select_from(TaskLabel)
    .outerjoin(Label, and_(Label.owner_id == OWNER, Label.id == TaskLabel.label_id))
    .where(TaskLabel.owner_id == OWNER, TaskLabel.task_id == Task.id, Label.deleted_at.is_(None))
    .order_by(Label.name_key)
    .correlate(Task)
)
_counts = (func.count().filter(Task.status == status).label(status) for status in Status)
_by_status = (
    select(JsonObject(*_counts))
    .where(Task.owner_id == OWNER, Task.project_id == Project.id, Task.deleted_at.is_(None))
    .correlate(Project)
)
_archived = exists().where(Project.owner_id == OWNER, Project.id == Task.project_id, Project.archived.is_(True))
_labelled = (
    select(func.count())
    .select_from(TaskLabel)
    .join(Task, and_(Task.owner_id == OWNER, Task.id == TaskLabel.task_id))
    .where(TaskLabel.owner_id == OWNER, TaskLabel.label_id == Label.id, Task.deleted_at.is_(None), ~_archived)
    .correlate(Label)
)
LABEL_NAMES = NameList(_names.scalar_subquery())  # of a task: what its column `labels` has
Project.task_counts = column_property(_by_status.scalar_subquery(), expire_on_flush=False)
Label.task_count = column_property(_labelled.scalar_subquery(), expire_on_flush=False)


def new_row(values: dict[str, Any], zone: ZoneInfo, **fixed: Any) -> dict[str, Any]:
    """Return the columns of a new task for `insert_tasks`. `zone` is the owner's time zone."""
    row = {**_EMPTY, **{name: value for name, value in values.items() if value is not None}, **fixed}
    if row["status"] == Status.DONE:
        row["completed_at"] = row["completed_at"] or row["updated_at"]
    keys = text_keys(row["title"], row["description"], row["priority"])
    return row | keys | due_keys(row["due_date"], row["due_at"], zone) | completed_keys(row["completed_at"])


def text_keys(title: str, description: str, priority: str) -> dict[str, Any]:
    """Return the columns by which a task is sorted and searched, except those of its dates."""
    title_key = fold(title)
    return {
        "title_key": title_key[:TITLE_KEY_LENGTH],
        "words": folded_text(title_key, description),
        "priority_rank": PRIORITIES.index(Priority(priority)),
    }


def folded_text(title_key: str, description: str) -> str:
    """Return the text that a search reads: the folded title and description, up to `MAX_FOLDED_LENGTH`."""
    folded = f"{title_key}\n"
    for start in range(0, len(description), FOLDED_AT_ONCE):  # one character may become 18
        folded += fold(description[start : start + FOLDED_AT_ONCE])
        if len(folded) >= MAX_FOLDED_LENGTH:
            break
    return folded[:MAX_FOLDED_LENGTH]


def due_keys(due_date: date | None, due_at: datetime | None, zone: ZoneInfo) -> dict[str, datetime]:
    """Return the sort keys of a task. A due day counts as its last microsecond in the time zone of the owner."""
    due = due_at or (end_of_day(due_date, zone) if due_date else None)
    return _keys("due", due)


def completed_keys(completed_at: datetime | None) -> dict[str, datetime]:
    """Return the sort keys of when a task was completed."""
    return _keys("completed", completed_at)


def _keys(name: str, instant: datetime | None) -> dict[str, datetime]:
    """Return the ascending and the descending sort key of an instant. Without an instant, both sort last."""
    if instant is None:
        return {f"{name}_first": NEVER, f"{name}_last": ALWAYS}
    return dict.fromkeys((f"{name}_first", f"{name}_last"), instant_key(instant))
