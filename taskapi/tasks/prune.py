"""Removing what has had its time, person by person: nobody sees the rows of all."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, or_, select

from taskapi.database import reader
from taskapi.labels.models import Label
from taskapi.owned import Tombstone, forget, lock_owner
from taskapi.projects.models import Project
from taskapi.security.idempotency import are_old
from taskapi.tasks.models import Task

ORDER = (Task, Project, Label, Tombstone)  # tasks before the projects they are in


def is_due(owner_id: UUID, before: datetime) -> bool:
    """Tell whether a person deleted something before that and still has it, or a tombstone of it; or old answers."""
    trash = (exists().where(model.owner_id == owner_id, model.deleted_at < before) for model in ORDER)
    found: bool = reader().execute(select(or_(*trash, exists().where(*are_old(owner_id))))).scalar_one()
    return found


def empty_trash(owner_id: UUID, before: datetime) -> int:
    """Forget what a person deleted before that; returns how many rows. Cursors of /changes from before it expire."""
    lock_owner(owner_id, 0)
    return sum(forget(model, owner_id, before) for model in ORDER)
