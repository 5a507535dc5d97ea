"""Lists of labels, by name."""

from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select

from taskapi.database import JsonRow, PreparedJsonPage, PreparedJsonRow, reader
from taskapi.labels.models import Label
from taskapi.labels.schemas import NAMES
from taskapi.resources.pagination import SortKey, find_page, select_page
from taskapi.security.tokens import caller

KEYS = (SortKey(Label.name_key), SortKey(Label.id, UUID))


def find_labels(query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the caller's labels, and the cursor of the next."""
    return find_page(partial(_statement, "deleted" in query), KEYS, query)


def find_label(label_id: UUID) -> JsonRow | None:
    """Return one of the caller's labels as it is shown, or None."""
    return _one().first(reader(), {"owner_id": caller().id, "id": label_id})


@lru_cache
def _one() -> PreparedJsonRow:
    return PreparedJsonRow(_shown().where(Label.id == bindparam("id")))


@lru_cache
def _statement(deleted: bool, after: bool, rows: int) -> PreparedJsonPage:
    live = Label.deleted_at.is_not(None) if deleted else Label.deleted_at.is_(None)
    return select_page(_shown().where(live), KEYS, after=after, rows=rows)


@lru_cache
def _shown() -> Select[Any]:
    """Return the labels as they are shown; not before all models are there, since they count their tasks."""
    columns = (getattr(Label, name).label(name) for name in NAMES)
    return select(*columns).where(Label.owner_id == bindparam("owner_id"))
