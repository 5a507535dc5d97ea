"""Lists of projects, by name."""

from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select

from taskapi.database import JsonRow, PreparedJsonPage, PreparedJsonRow, reader
from taskapi.projects.models import Project
from taskapi.projects.schemas import NAMES
from taskapi.resources.pagination import SortKey, find_page, select_page
from taskapi.security.tokens import caller

KEYS = (SortKey(Project.name_key), SortKey(Project.id, UUID))


def find_projects(query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the caller's projects, and the cursor of the next."""
    shape = frozenset(query) & {"archived", "deleted"}
    return find_page(partial(_statement, shape), KEYS, query, archived=query.get("archived", False))


def find_project(project_id: UUID) -> JsonRow | None:
    """Return one of the caller's projects as it is shown, or None."""
    return _one().first(reader(), {"owner_id": caller().id, "id": project_id})


@lru_cache
def _one() -> PreparedJsonRow:
    return PreparedJsonRow(_shown().where(Project.id == bindparam("id")))


@lru_cache
def _statement(shape: frozenset[str], after: bool, rows: int) -> PreparedJsonPage:
    live = Project.deleted_at.is_not(None) if "deleted" in shape else Project.deleted_at.is_(None)
    archived = (Project.archived == bindparam("archived"),) if "archived" in shape else ()
    return select_page(_shown().where(live, *archived), KEYS, after=after, rows=rows)


@lru_cache
def _shown() -> Select[Any]:
    """Return the projects as they are shown; not before all models are there, since they count their tasks."""
    columns = (getattr(Project, name).label(name) for name in NAMES)
    return select(*columns).where(Project.owner_id == bindparam("owner_id"))
