"""The model of labels, and the labels that tasks name."""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Index, String, select
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from taskapi.database import Model, db, partial_index
from taskapi.resources.models import Named, name_key
from taskapi.resources.ownership import is_owned, reserve_quota, save
from taskapi.security.tokens import caller


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


def get_or_create_labels(names: Iterable[str]) -> dict[UUID, str]:
    """Return the caller's labels with these names, sorted by name. Labels that do not exist are created."""
    wanted = {name_key(name): name for name in names}
    live = (is_owned(Label), Label.deleted_at.is_(None), Label.name_key.in_(wanted))
    rows = db.session.execute(select(Label.name_key, Label.id, Label.name).where(*live))
    found = {key: (label_id, name) for key, label_id, name in rows}
    new = {key: name for key, name in wanted.items() if key not in found}
    labels = [Label(id=uuid7(), owner_id=caller().id, name=name, name_key=key) for key, name in new.items()]
    if labels:
        reserve_quota(Label, len(labels))
        save(*labels)
    found |= {label.name_key: (label.id, label.name) for label in labels}
    return dict(found[key] for key in sorted(found))
