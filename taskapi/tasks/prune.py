"""Removing what has had its time, person by person: nobody sees the rows of all."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, exists, or_, select

from taskapi.database import PreparedStatement, now, reader
from taskapi.labels.models import Label
from taskapi.projects.models import Project
from taskapi.resources.idempotency import LIFETIME, StoredResponse
from taskapi.resources.models import Tombstone
from taskapi.resources.trash import purge
from taskapi.resources.versions import lock_owner
from taskapi.tasks.models import Task

ORDER = (Task, Project, Label, Tombstone)  # tasks before the projects they are in
_OLD = [
    exists().where(model.owner_id == bindparam("owner_id"), model.deleted_at < bindparam("before")) for model in ORDER
]
_OLD.append(
    exists().where(StoredResponse.owner_id == bindparam("owner_id"), StoredResponse.created_at < bindparam("answered"))
)
_IS_DUE = PreparedStatement(select(or_(*_OLD).label("due")))


def is_due(owner_id: UUID, before: datetime) -> bool:
    """Tell whether a person deleted something before that and still has it, or a tombstone of it; or old answers."""
    found = _IS_DUE.one(reader(), {"owner_id": owner_id, "before": before, "answered": now() - LIFETIME})
    return bool(found["due"])


def empty_trash(owner_id: UUID, before: datetime) -> int:
    """Forget what a person deleted before that; returns how many rows. Cursors of /changes from before it expire."""
    lock_owner(owner_id, 0)
    return sum(purge(model, owner_id, before) for model in ORDER)
