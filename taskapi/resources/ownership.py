"""Ownership: queries and checks that are limited to the rows of the caller."""

from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, select

from taskapi.api import problem
from taskapi.config import settings
from taskapi.database import db
from taskapi.resources.models import Named, Owned, Trashable, name_key
from taskapi.resources.versions import counted, lock_owner
from taskapi.security.tokens import caller

T = TypeVar("T", bound=Owned)
Found = TypeVar("Found")


def is_owned(model: type[Owned]) -> ColumnElement[bool]:
    """Return the condition that a row belongs to the caller."""
    condition: ColumnElement[bool] = model.owner_id == caller().id
    return condition


def get_owned_or_404(model: type[T], row_id: UUID) -> T:
    """Return one of the caller's rows to change it. Responds 404 for a row of another user, as if it did not exist.

    Locks the caller's rows until the transaction ends.
    """
    lock_owner(caller().id)
    row: T | None = db.session.get(model, (caller().id, row_id))
    return row or problem("not_found")


def found_or_404(row: Found | None) -> Found:
    """Return a row that was read. Responds 404 if there is none."""
    return row or problem("not_found")


def refuse_in_trash(row: Trashable) -> None:
    """Respond 409 if a row is in the trash."""
    if row.deleted_at is not None:
        problem("in_trash")


def reserve_quota(model: type[Owned], count: int = 1) -> int:
    """Count new rows of the caller, and reserve a version for each. Responds 409 beyond the quota of the model.

    Locks the caller's rows until the transaction ends. Returns the last reserved version. A model without a column in
    the counter has no quota.
    """
    table = model.__tablename__
    counter = lock_owner(caller().id, count, **(added := counted(table, count)))
    if added and getattr(counter, table) > (most := getattr(settings(), f"max_{table}")):
        problem("quota_exceeded", f"You may have {most} {table}, those in the trash included.")
    return counter.value


def refuse_taken_name(model: type[Named], name: str, but: UUID | None = None) -> None:
    """Respond 409 if another row outside the trash has the name, ignoring case."""
    taken = select(model.id).where(is_owned(model), model.deleted_at.is_(None), model.name_key == name_key(name))
    if db.session.execute(taken).scalar() not in {None, but}:
        problem("name_taken")


def is_live(model: type[Trashable], row_id: UUID) -> bool:
    """Return whether the caller has a row of this id outside the trash."""
    found = select(model.id).where(is_owned(model), model.id == row_id, model.deleted_at.is_(None))
    return db.session.execute(found).first() is not None
