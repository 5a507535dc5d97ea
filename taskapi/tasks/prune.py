"""Emptying the trash of what has lain there for long enough."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, union

from taskapi.database import db
from taskapi.labels.models import Label
from taskapi.owned import Tombstone, forget, lock_owner
from taskapi.projects.models import Project
from taskapi.tasks.models import Task

ORDER = (Task, Project, Label, Tombstone)  # tasks before the projects they are in


def owners_of_old_trash(before: datetime) -> list[UUID]:
    """Return who deleted something before that and still has it, or a tombstone of it."""
    old = (select(model.owner_id).where(model.deleted_at < before) for model in ORDER)
    return list(db.session.execute(union(*old)).scalars())


def empty_trash(owner_id: UUID, before: datetime) -> int:
    """Forget what a person deleted before that; returns how many rows. Cursors of /changes from before it expire."""
    lock_owner(owner_id, 0)
    return sum(forget(model, owner_id, before) for model in ORDER)
