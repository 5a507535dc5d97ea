"""Write, read and prune the audit log."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from flask import Flask, Response, current_app, g, has_request_context, request
from sqlalchemy import Select, bindparam, case, delete, insert, or_, select, update

from taskapi.api.errors import Problem
from taskapi.audit.models import AuditEntry, AuditOpening, Event
from taskapi.audit.schemas import AuditEntrySchema
from taskapi.config import settings
from taskapi.database import db, now
from taskapi.ops.metrics import AUDIT_OMITTED
from taskapi.resources.pagination import SortKey, find_page, select_page
from taskapi.security.client_address import client_network
from taskapi.security.deleted_users import respond_to_problem
from taskapi.security.rate_limit import (
    AUDIT_ADDRESS,
    AUDIT_STRANGERS,
    AUDIT_USER,
    Usage,
    count,
    count_by_address,
)
from taskapi.security.rbac import Permission, grants

# Events that a user or an anonymous client can repeat without limit. All others are always recorded.
REPEATABLE = {
    Event.SIGN_IN, Event.SIGN_IN_FAILED, Event.SIGN_OUT, Event.PROFILE_CHANGED, Event.EXPORTED, Event.IMPORTED,
    Event.ACCESS_REFUSED, Event.REFRESH_TOKEN_REPEATED,
}  # fmt: skip
SUSPICIOUS_CODES = {"token_invalid", "csrf_failed", "permission_denied"}
PRIVILEGED_FIELDS = {"roles", "active", "epoch"}
MAX_REFUSALS: Final = 10_000  # kept in memory for the current minute
BATCH: Final = 5000
NO_SYNC: Final = {"synchronize_session": False}

FIELDS = tuple(AuditEntrySchema().dump_fields)
KEYS = (SortKey(AuditEntry.at, datetime.fromisoformat, descends=True), SortKey(AuditEntry.id, UUID, descends=True))
FILTERS = {
    "actor": AuditEntry.actor_id == bindparam("actor"),
    "subject": AuditEntry.subject_id == bindparam("subject"),
    "event": AuditEntry.event == bindparam("event"),
    "after": AuditEntry.at >= bindparam("after"),
    "before": AuditEntry.at < bindparam("before"),
}
_BY_ANOTHER_USER = AuditEntry.actor_id != AuditEntry.subject_id


def record(event: Event, *, actor_id: UUID | None = None, subject_id: UUID | None = None, **details: Any) -> None:
    """Add an entry in the current transaction. The values of `details` are stored as JSON.

    Repeatable events beyond the allowance are not recorded, only counted in a metric: see `_within_allowance`.
    """
    user_id = subject_id if event == Event.REFRESH_TOKEN_REPEATED else actor_id
    if event not in REPEATABLE or _within_allowance(user_id):
        entry = AuditEntry(
            event=event.value, actor_id=actor_id, subject_id=subject_id, details=details, **request_origin()
        )
        db.session.add(entry)


def _within_allowance(user_id: UUID | None) -> bool:
    """Tell whether this user, or this anonymous client, may cause one more entry.

    Each address has an allowance and all addresses share one; each user has one. Administrators and commands have no
    limit.
    """
    if not has_request_context():
        return True
    if user_id is None:
        # Entries that exceed the allowance of their address do not use up the shared one
        allowed = _is_within_quota(count_by_address(AUDIT_ADDRESS)) and _is_within_quota(count(AUDIT_STRANGERS, ()))
    elif "caller" in g and grants(g.caller.roles, Permission.USER_MANAGE):
        return True
    else:
        allowed = _is_within_quota(count(AUDIT_USER, (str(user_id),)))
    if not allowed:
        AUDIT_OMITTED.labels("user" if user_id else "stranger").inc()
    return allowed


def _is_within_quota(usage: Usage | None) -> bool:
    return usage is None or usage.remaining >= 0


def request_origin() -> dict[str, str | None]:
    """Return `ip`, `user_agent` and `request_id` of the current request; nothing on the command line."""
    if not has_request_context():
        return {}
    return {
        "ip": _clean(request.remote_addr, 45),
        "user_agent": _clean(request.headers.get("User-Agent"), 256),
        "request_id": g.get("request_id"),
    }


def _clean(text: str | None, length: int) -> str | None:
    """Return text from a client, cut to `length` characters and with control characters replaced."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:length]) if text else None


def init_audit(app: Flask) -> None:
    """Record suspicious requests that the guard rejects. Call it after `init_guard`."""
    app.extensions["taskapi-refusals"] = {}
    app.register_error_handler(Problem, respond_and_record)


def respond_and_record(problem: Problem) -> Response:
    """Respond with a problem. A suspicious one is recorded once a minute for each user or address, route and code."""
    response = respond_to_problem(problem)
    if _is_suspicious(problem) and _is_new(problem.code_name):
        db.session.rollback()  # discard the changes of the rejected request
        user_id = _caller_id()
        details = {"code": problem.code_name, "method": request.method, "path": request.path[:200]}
        record(Event.ACCESS_REFUSED, actor_id=user_id, subject_id=user_id, **details)
        db.session.commit()
    return response


def _is_suspicious(problem: Problem) -> bool:
    """Tell whether a token was forged, a permission was missing, or the request tried to set a privileged field."""
    errors = problem.members.get("errors", {}).get("json", {})
    return problem.code_name in SUSPICIOUS_CODES or any(
        errors.get(name) == ["Unknown field."] for name in PRIVILEGED_FIELDS
    )


def _is_new(code: str) -> bool:
    """Tell whether this process has not recorded the same refusal in this minute."""
    minutes: dict[int, set[Any]] = current_app.extensions["taskapi-refusals"]
    minute = int(time.time() // 60)
    if minute not in minutes:
        minutes.clear()
    seen = minutes.setdefault(minute, set())
    key = (_caller_id() or client_network(), request.endpoint, code)
    if key in seen:
        return False
    if len(seen) < MAX_REFUSALS:  # above that, repeated refusals are recorded again
        seen.add(key)
    return True


def _caller_id() -> Any:
    return g.caller.id if "caller" in g else None


def find_entries(query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of all entries, the latest first."""
    filters = {name: query[name] for name in FILTERS if name in query}
    return _page(select(*(getattr(AuditEntry, name) for name in FIELDS)), filters, query)


def find_activity(user_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the entries about a user, the latest first."""
    return _page(select_activity(), {"subject": user_id}, query)


def select_activity() -> Select[Any]:
    """Return the statement for the entries that a user may see: without the address and user agent of other users."""
    columns = [
        case((_BY_ANOTHER_USER, None), else_=getattr(AuditEntry, name)).label(name)
        if name in {"ip", "user_agent"}
        else getattr(AuditEntry, name)
        for name in FIELDS
    ]
    return select(*columns)


def _page(statement: Select[Any], filters: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    statement = statement.where(*(FILTERS[name] for name in filters))
    return find_page(lambda after: select_page(statement, KEYS, after=after), KEYS, query, **filters)


def prune_audit() -> tuple[int, int]:
    """Delete entries older than `audit_max_days`; clear address and user agent of those older than `audit_days`.

    Returns both numbers of entries. Commits after each batch, so that other writers do not wait long.
    """
    return _in_batches(_delete_old), _in_batches(_clear_old_origins)


def _in_batches(change: Callable[[datetime], int]) -> int:
    """Run `change` until it changes fewer rows than a batch. The AuditOpening row makes the triggers allow it."""
    total = 0
    while True:
        remove_before = now() - timedelta(days=settings().audit_max_days)
        db.session.execute(insert(AuditOpening).values(remove_before=remove_before))
        changed = change(remove_before)
        db.session.execute(delete(AuditOpening))
        db.session.commit()
        total += changed
        if changed < BATCH:
            return total


def _delete_old(remove_before: datetime) -> int:
    old = select(AuditEntry.id).where(AuditEntry.at < remove_before).order_by(AuditEntry.at).limit(BATCH)
    return _row_count(db.session.execute(delete(AuditEntry).where(AuditEntry.id.in_(old)), execution_options=NO_SYNC))


def _clear_old_origins(_remove_before: datetime) -> int:
    old = select(AuditEntry.id).where(
        AuditEntry.at < now() - timedelta(days=settings().audit_days),
        or_(AuditEntry.ip.is_not(None), AuditEntry.user_agent.is_not(None)),
    )
    clear = update(AuditEntry).where(AuditEntry.id.in_(old.limit(BATCH))).values(ip=None, user_agent=None)
    return _row_count(db.session.execute(clear, execution_options=NO_SYNC))


def _row_count(result: Any) -> int:
    count: int = result.rowcount
    return count
