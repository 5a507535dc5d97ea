"""The scope: a person's own rows, and nobody else's. Every owned row is reached from here."""

from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement

from taskapi.api import problem
from taskapi.database import Owned, db, lock_owner
from taskapi.security.tokens import caller

T = TypeVar("T", bound=Owned)


def is_mine(model: type[Owned]) -> ColumnElement[bool]:
    """Return the condition that a row is the caller's."""
    condition: ColumnElement[bool] = model.owner_id == caller().id
    return condition


def mine_or_404(model: type[T], row_id: UUID) -> T:
    """Return one of the caller's rows for changing it; another's row is as absent as no row.

    Nobody else changes a row of theirs until the transaction ends.
    """
    lock_owner(caller().id)
    row: T | None = db.session.get(model, (caller().id, row_id))
    return row or problem("not_found")


def shown_or_404(row: Any) -> dict[str, Any]:
    """Return a row that was read as a mapping of its columns, or answer 404 where there is none."""
    return dict(row._mapping) if row is not None else problem("not_found")
