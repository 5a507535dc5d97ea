"""Writing the audit log."""

from typing import Any
from uuid import UUID

from flask import g, has_request_context, request

from taskapi.audit.models import AuditEntry, Event
from taskapi.database import db
from taskapi.ops.metrics import AUDIT_OMITTED
from taskapi.security.rbac import Permission, grants
from taskapi.security.throttle import AUDIT_ADDRESS, AUDIT_STRANGERS, AUDIT_USER, Counted, count, count_by_address

# Events that a user, or a stranger, can repeat as often as they like. All others are always recorded.
REPEATABLE = {
    Event.SIGN_IN, Event.SIGN_IN_FAILED, Event.SIGN_OUT, Event.PROFILE_CHANGED, Event.EXPORTED, Event.IMPORTED,
    Event.ACCESS_REFUSED, Event.REFRESH_TOKEN_REPEATED,
}  # fmt: skip


def record(event: Event, *, actor_id: UUID | None = None, subject_id: UUID | None = None, **details: Any) -> None:
    """Record what happened, in the transaction that makes it happen. `details` are values that JSON has.

    Repeatable events are left out once their allowance is used up, and counted in a metric: see `_is_allowed`.
    """
    behind = subject_id if event == Event.REFRESH_TOKEN_REPEATED else actor_id
    if event not in REPEATABLE or _is_allowed(behind):
        entry = AuditEntry(event=event.value, actor_id=actor_id, subject_id=subject_id, details=details, **origin())
        db.session.add(entry)


def _is_allowed(user_id: UUID | None) -> bool:
    """Tell whether the allowance of whoever is behind the request has room for one entry more.

    Strangers have one for each address and one for all, users one each; administrators and commands need none.
    """
    if not has_request_context():
        return True
    if user_id is None:
        # The allowance of all strangers is used only by entries that the address may still make
        allowed = _has_room(count_by_address(AUDIT_ADDRESS)) and _has_room(count(AUDIT_STRANGERS, ()))
    elif "caller" in g and grants(g.caller.roles, Permission.USER_MANAGE):
        return True
    else:
        allowed = _has_room(count(AUDIT_USER, (str(user_id),)))
    if not allowed:
        AUDIT_OMITTED.labels("user" if user_id else "stranger").inc()
    return allowed


def _has_room(counted: Counted | None) -> bool:
    return counted is None or counted.remaining >= 0


def origin() -> dict[str, str | None]:
    """Return where the request came from: `ip`, `user_agent`, `request_id`; nothing on the command line."""
    if not has_request_context():
        return {}
    return {
        "ip": _clean(request.remote_addr, 45),
        "user_agent": _clean(request.headers.get("User-Agent"), 256),
        "request_id": g.get("request_id"),
    }


def _clean(text: str | None, most: int) -> str | None:
    """Return what a client says of itself without what no log should hold: control characters, and more than a line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:most]) if text else None
