"""Refusals that look like somebody reaching for more than they have. They have no transaction but their own."""

import time
from typing import Any

import orjson
from flask import Flask, Response, current_app, g, request

from taskapi.api.problems import MEDIA_TYPE
from taskapi.audit.log import record
from taskapi.audit.models import Event
from taskapi.config import Settings
from taskapi.database import db

SUSPECT = {"token_invalid", "csrf_failed", "permission_denied"}
PRIVILEGES = {"roles", "active", "epoch"}
MOST_A_MINUTE = 1000


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
    """Tell whether this was not noted within the minute; nobody fills the log by knocking."""
    noted: dict[int, set[Any]] = current_app.extensions["taskapi-refusals"]
    minute = int(time.time() // 60)
    if minute not in noted:
        noted.clear()
    seen = noted.setdefault(minute, set())
    key = (_who() or request.remote_addr, request.endpoint, code)
    if key in seen or len(seen) >= MOST_A_MINUTE:
        return False
    seen.add(key)
    return True


def _who() -> Any:
    return g.caller.id if "caller" in g else None
