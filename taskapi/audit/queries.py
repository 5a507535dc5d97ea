"""Pages of the audit log, the latest entry first."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, case, select

from taskapi.audit.models import AuditEntry
from taskapi.audit.schemas import AuditEntrySchema
from taskapi.resources.pagination import SortKey, find_page, parse_instant, select_page

NAMES = tuple(AuditEntrySchema().dump_fields)
KEYS = (SortKey(AuditEntry.at, parse_instant, descends=True), SortKey(AuditEntry.id, UUID, descends=True))
FILTERS = {
    "actor": AuditEntry.actor_id == bindparam("actor"),
    "subject": AuditEntry.subject_id == bindparam("subject"),
    "event": AuditEntry.event == bindparam("event"),
    "after": AuditEntry.at >= bindparam("after"),
    "before": AuditEntry.at < bindparam("before"),
}
_ANOTHERS = AuditEntry.actor_id != AuditEntry.subject_id


def find_entries(query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of all that was recorded."""
    asked = {name: query[name] for name in FILTERS if name in query}
    return _page(select(*(getattr(AuditEntry, name) for name in NAMES)), asked, query)


def find_activity(user_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of what happened to a person."""
    return _page(activity(), {"subject": user_id}, query)


def activity() -> Select[Any]:
    """Return the statement of what people may know of their own entries: not from where somebody else acted on them."""
    shown = [
        case((_ANOTHERS, None), else_=getattr(AuditEntry, name)).label(name)
        if name in {"ip", "user_agent"}
        else getattr(AuditEntry, name)
        for name in NAMES
    ]
    return select(*shown)


def _page(statement: Select[Any], filters: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    statement = statement.where(*(FILTERS[name] for name in filters))
    return find_page(lambda after, rows: select_page(statement, KEYS, after=after, rows=rows), KEYS, query, **filters)
