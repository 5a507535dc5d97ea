"""A project."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.database import Model, partial_index
from taskapi.resources.models import Named


class Project(Named, Model):
    """A group of tasks of one owner. They move to the trash together with the project."""

    __tablename__ = "projects"

    description: Mapped[str] = mapped_column(default="")
    color: Mapped[str | None] = mapped_column(String(7))
    archived: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        Index(None, "owner_id", "version", unique=True),
        Index("ix_projects_names", "owner_id", "name_key", unique=True, **partial_index("deleted_at IS NULL")),
        Index("ix_projects_trash", "owner_id", "deleted_at", **partial_index("deleted_at IS NOT NULL")),
    )

    def apply(self, changes: dict[str, Any]) -> None:
        """Set the fields that `changes` names. A description that is null is empty."""
        super().apply(changes)
        self.description = self.description or ""

    if TYPE_CHECKING:
        task_counts: Mapped[dict[str, int]]  # mapped in taskapi.tasks.models, to avoid an import cycle
