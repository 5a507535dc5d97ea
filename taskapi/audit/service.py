"""Audit work with transactions of its own: refusals that look like an attack are recorded, and old entries removed."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from flask import Flask, Response, current_app, g, request
from sqlalchemy import delete, insert, or_, select, update

from taskapi.api.errors import MEDIA_TYPE
from taskapi.audit.log import record
from taskapi.audit.models import AuditEntry, AuditOpening, Event
from taskapi.config import Settings, settings
from taskapi.database import db, now
from taskapi.security.throttle import address

SUSPECT = {"token_invalid", "csrf_failed", "permission_denied"}
PRIVILEGES = {"roles", "active", "epoch"}
MAX_NOTED: Final = 10_000
BATCH: Final = 5000
NO_SYNC: Final = {"synchronize_session": False}


def note_refusal(response: Response) -> Response:
    """Record a refusal of this kind, once a minute for each person or address, route and code."""
    if response.status_code in {401, 403, 422} and response.mimetype == MEDIA_TYPE:
        said = orjson.loads(response.data)
        if _is_suspect(said) and _is_new(said["code"]):
            db.session.rollback()  # what the request did before it was refused
            who = _who()
            details = {"code": said["code"], "method": request.method, "path": request.path[:200]}
            record(Event.ACCESS_REFUSED, actor_id=who, subject_id=who, **details)
            db.session.commit()
    return response


def init_audit(app: Flask, _settings: Settings) -> None:
    """Look at every response."""
    app.extensions["taskapi-refusals"] = {}
    app.after_request(note_refusal)


def _is_suspect(said: dict[str, Any]) -> bool:
    """Tell a forged token, a missing permission and a privilege named in a body from a mere mistake."""
    body = said.get("errors", {}).get("json", {})
    return said["code"] in SUSPECT or any(body.get(name) == ["Unknown field."] for name in PRIVILEGES)


def _is_new(code: str) -> bool:
    """Tell whether this was not noted within the minute, by this process; the allowances of `record` come on top."""
    noted: dict[int, set[Any]] = current_app.extensions["taskapi-refusals"]
    minute = int(time.time() // 60)
    if minute not in noted:
        noted.clear()
    seen = noted.setdefault(minute, set())
    key = (_who() or address(), request.endpoint, code)
    if key in seen:
        return False
    if len(seen) < MAX_NOTED:  # beyond that, what comes again is recorded again
        seen.add(key)
    return True


def _who() -> Any:
    return g.caller.id if "caller" in g else None


def prune_audit() -> tuple[int, int]:
    """Remove entries older than `audit_max_days`, and take addresses and agents out of those older than `audit_days`.

    Returns how many of each. Commits batch by batch, so that nobody waits for long.
    """
    return _in_batches(_remove_old), _in_batches(_blank_old)


def _in_batches(change: Callable[[datetime], int]) -> int:
    """Make a change that the triggers allow to the prune alone, again and again, until nothing is left to change."""
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


def _remove_old(remove_before: datetime) -> int:
    old = select(AuditEntry.id).where(AuditEntry.at < remove_before).order_by(AuditEntry.at).limit(BATCH)
    return _count(db.session.execute(delete(AuditEntry).where(AuditEntry.id.in_(old)), execution_options=NO_SYNC))


def _blank_old(_remove_before: datetime) -> int:
    old = select(AuditEntry.id).where(
        AuditEntry.at < now() - timedelta(days=settings().audit_days),
        or_(AuditEntry.ip.is_not(None), AuditEntry.user_agent.is_not(None)),
    )
    blank = update(AuditEntry).where(AuditEntry.id.in_(old.limit(BATCH))).values(ip=None, user_agent=None)
    return _count(db.session.execute(blank, execution_options=NO_SYNC))


def _count(result: Any) -> int:
    count: int = result.rowcount
    return count
