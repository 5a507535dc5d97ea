"""The scope: a person's own rows, and nobody else's. Every owned row is reached from here."""

from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, select

from taskapi.api import problem
from taskapi.config import settings
from taskapi.database import db
from taskapi.resources.models import Named, Owned, Trashable, name_key
from taskapi.resources.versions import lock_owner
from taskapi.security.tokens import caller

T = TypeVar("T", bound=Owned)
Found = TypeVar("Found")


def is_owned(model: type[Owned]) -> ColumnElement[bool]:
    """Return the condition that a row is the caller's."""
    condition: ColumnElement[bool] = model.owner_id == caller().id
    return condition


def get_owned_or_404(model: type[T], row_id: UUID) -> T:
    """Return one of the caller's rows for changing it; another's row is as absent as no row.

    Nobody else changes a row of theirs until the transaction ends.
    """
    lock_owner(caller().id)
    row: T | None = db.session.get(model, (caller().id, row_id))
    return row or problem("not_found")


def refuse_in_trash(row: Trashable) -> None:
    """Refuse to change what lies in the trash."""
    if row.deleted_at is not None:
        problem("in_trash")


def reserve_quota(model: type[Owned], count: int = 1) -> int:
    """Count `count` rows more in, or answer 409 where the caller may not have so many.

    Nobody else changes a row of theirs until the transaction ends. Returns the last of the change numbers for them.
    """
    table = model.__tablename__
    most: int = getattr(settings(), f"max_{table}")
    counter = lock_owner(caller().id, count, **{table: count})
    if getattr(counter, table) > most:
        problem("quota_exceeded", f"You may have {most} {table}, those in the trash included.")
    last: int = counter.value
    return last


def refuse_taken_name(model: type[Named], name: str, but: UUID | None = None) -> None:
    """Answer 409 where another live row has the name, in any case."""
    taken = select(model.id).where(is_owned(model), model.deleted_at.is_(None), model.name_key == name_key(name))
    if db.session.execute(taken).scalar() not in {None, but}:
        problem("name_taken")


def is_live(model: type[Trashable], row_id: UUID) -> bool:
    """Tell whether there is such a row of the caller's, outside the trash."""
    found = select(model.id).where(is_owned(model), model.id == row_id, model.deleted_at.is_(None))
    return db.session.execute(found).first() is not None


def found_or_404(row: Found | None) -> Found:
    """Return what was read, or answer 404 where there is nothing."""
    return row or problem("not_found")
