"""A label."""

from typing import TYPE_CHECKING

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.database import Model, partial_index
from taskapi.resources.models import Named


class Label(Named, Model):
    """A label of any number of tasks. While it is in the trash, no task shows it."""

    __tablename__ = "labels"

    color: Mapped[str | None] = mapped_column(String(7))

    __table_args__ = (
        Index(None, "owner_id", "version", unique=True),
        Index("ix_labels_names", "owner_id", "name_key", unique=True, **partial_index("deleted_at IS NULL")),
        Index("ix_labels_trash", "owner_id", "deleted_at", **partial_index("deleted_at IS NOT NULL")),
    )

    if TYPE_CHECKING:
        task_count: Mapped[int]  # mapped in taskapi.tasks.models, to avoid an import cycle
