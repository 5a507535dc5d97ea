"""Writing the audit log."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import g, has_request_context, request
from sqlalchemy import delete, insert, or_, update

from taskapi.audit.models import AuditEntry, AuditOpening, Event
from taskapi.config import settings
from taskapi.database import db, now


def record(event: Event, *, actor_id: UUID | None = None, subject_id: UUID | None = None, **details: Any) -> None:
    """Write down what happened, in the transaction that makes it happen. `details` are values that JSON has."""
    db.session.add(AuditEntry(event=event.value, actor_id=actor_id, subject_id=subject_id, details=details, **origin()))


def origin() -> dict[str, str | None]:
    """Return where the request came from: `ip`, `user_agent`, `request_id`; nothing on the command line."""
    if not has_request_context():
        return {}
    return {
        "ip": _clean(request.remote_addr, 45),
        "user_agent": _clean(request.headers.get("User-Agent"), 256),
        "request_id": g.get("request_id"),
    }


def blank_old_origins() -> int:
    """Take addresses and agents out of the entries that are older than `audit_days`; return how many had one."""
    db.session.execute(insert(AuditOpening))
    blanked = db.session.execute(
        update(AuditEntry)
        .where(
            AuditEntry.at < now() - timedelta(days=settings().audit_days),
            or_(AuditEntry.ip.is_not(None), AuditEntry.user_agent.is_not(None)),
        )
        .values(ip=None, user_agent=None)
        .execution_options(synchronize_session=False)
    )
    db.session.execute(delete(AuditOpening))
    return blanked.rowcount  # type: ignore[attr-defined, no-any-return]


def _clean(text: str | None, most: int) -> str | None:
    """Return what a client says of itself without what no log should hold: control characters, and more than a line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:most]) if text else None
