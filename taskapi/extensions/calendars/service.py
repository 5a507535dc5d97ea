"""Create, list, rotate and delete calendar addresses, and find the one of a request."""

import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from flask import current_app
from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from taskapi.api import invalid, problem
from taskapi.api.errors import Problem
from taskapi.api.responses import service_url
from taskapi.audit import Event, record
from taskapi.config import settings_of
from taskapi.database import db, now, reader, set_rls_user
from taskapi.extensions.calendars.models import CalendarAddress
from taskapi.extensions.calendars.schemas import CalendarSettings
from taskapi.projects.models import Project
from taskapi.resources.models import ChangeCounter
from taskapi.resources.ownership import is_owned
from taskapi.resources.pagination import decode_cursor, encode_cursor
from taskapi.security.rate_limit import Kind, Limit, enforce_limit, slow_requests
from taskapi.security.tokens import MARK, caller
from taskapi.users.models import User

FORM: Final = 4  # of the files: part of their ETag
SECRET_BYTES: Final = 32
USE_STORED: Final = timedelta(minutes=1)  # between two changes of `last_used_at`
CREATION: Final = Limit("calendars", lambda _: "60/hour", always_on=True)  # each one adds an audit entry
SHOWN: Final = (
    CalendarAddress.id, CalendarAddress.name, CalendarAddress.kind, CalendarAddress.project_id,
    CalendarAddress.created_at, CalendarAddress.last_used_at,
)  # fmt: skip
_MINE = CalendarAddress.user_id == bindparam("user_id")
_FOUND = select(
    CalendarAddress.id,
    CalendarAddress.user_id,
    CalendarAddress.name,
    CalendarAddress.kind,
    CalendarAddress.project_id,
    CalendarAddress.last_used_at,
    CalendarAddress.etag,
    CalendarAddress.changed_at,
    CalendarAddress.epoch,
    User.active,
    User.timezone,
    User.epoch.label("user_epoch"),
).where(CalendarAddress.user_id == User.id, CalendarAddress.digest == bindparam("digest"))
_VERSION = select(ChangeCounter.value).where(ChangeCounter.owner_id == bindparam("owner_id"))


def create_calendar(values: dict[str, Any]) -> dict[str, Any]:
    """Create a calendar address of the caller; return it with its URL. Responds 409, 422 or 429.

    Locks the account, so that parallel requests do not exceed the quota.
    """
    enforce_limit(CREATION, caller().sub)
    epoch = _lock_user()
    project_id = values.get("project_id")
    live = select(Project.id).where(is_owned(Project), Project.id == project_id, Project.deleted_at.is_(None))
    if project_id and db.session.execute(live).first() is None:
        invalid("json", {"project_id": ["There is no such project."]})
    count = select(func.count()).select_from(CalendarAddress).where(_MINE)
    found = db.session.execute(count, {"user_id": caller().id}).scalar_one()
    if found >= settings_of(CalendarSettings).max_calendars:
        problem("quota_exceeded", f"You have {found} calendar addresses. Delete one first.")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    calendar = {
        "id": uuid7(),
        "name": values["name"],
        "kind": values.get("kind") or "VTODO",
        "project_id": project_id,
        "created_at": now(),
        "last_used_at": None,
    }
    row = calendar | {"user_id": caller().id, "digest": _digest(secret), "epoch": epoch}
    db.session.execute(insert(CalendarAddress).values(row))
    _record(Event.TOKEN_CREATED, calendar["id"])
    return calendar | {"url": _url(secret)}


def rotate_calendar(calendar_id: UUID) -> dict[str, Any]:
    """Give a calendar of the caller a new URL; the old one is no longer found. Responds 404 or 429."""
    enforce_limit(CREATION, caller().sub)
    epoch = _lock_user()
    secret = secrets.token_urlsafe(SECRET_BYTES)
    mine = CalendarAddress.user_id == caller().id
    changed = update(CalendarAddress).where(mine, CalendarAddress.id == calendar_id)
    changed = changed.values(digest=_digest(secret), epoch=epoch, last_used_at=None)
    row = db.session.execute(changed.returning(*SHOWN)).mappings().first()
    if row is None:
        problem("not_found")
    _record(Event.TOKEN_DELETED, calendar_id)
    _record(Event.TOKEN_CREATED, calendar_id)
    return {**row, "url": _url(secret)}


def list_calendars(limit: int, cursor: str | None) -> dict[str, Any]:
    """Return a page of the caller's calendar addresses, the latest first."""
    statement = select(*SHOWN).where(CalendarAddress.user_id == caller().id)
    if cursor:
        statement = statement.where(CalendarAddress.id < UUID(decode_cursor(cursor, "calendars")[0]))
    rows = reader().execute(statement.order_by(CalendarAddress.id.desc()).limit(limit + 1)).mappings().all()
    items = [dict(row) for row in rows[:limit]]
    more = len(rows) > limit
    return {"items": items, "next_cursor": encode_cursor([items[-1]["id"]], "calendars") if more else None}


def delete_calendar(calendar_id: UUID) -> None:
    """Delete a calendar address of the caller, or respond 404."""
    mine = delete(CalendarAddress).where(CalendarAddress.user_id == caller().id, CalendarAddress.id == calendar_id)
    if not db.session.scalars(mine.returning(CalendarAddress.id)).all():
        problem("not_found")
    _record(Event.TOKEN_DELETED, calendar_id)


def find_calendar(secret: str) -> Any:
    """Return the row of a secret, and read as its user from now on. Responds 404 or 503.

    An unknown secret and one of a user who is deactivated take the same statement and get the same response.
    """
    try:
        row = reader().execute(_FOUND, {"digest": _digest(secret)}).first()
    except SQLAlchemyError as error:
        current_app.logger.warning("the calendar addresses cannot be read: %s", error.__class__.__name__)
        problem("unavailable")
    # A restore and `flask tokens invalidate-all` raise the epoch by MARK: they revoke addresses, as they do tokens
    if row is None or not row.active or row.user_epoch - row.epoch >= MARK:
        problem("not_found")
    set_rls_user(row.user_id)
    return row


def refresh_calendar(row: Any) -> tuple[str, datetime]:
    """Return the ETag of a calendar, and when it got that one, to the second. Stores the use of the address.

    Each ETag has a second of its own, so that If-Modified-Since misses no change.
    """
    moment = now()
    version = reader().execute(_VERSION, {"owner_id": row.user_id}).scalar() or 0
    state = f"{FORM} {row.id} {row.kind} {version} {row.timezone} {row.name}"
    etag = sha256(state.encode()).hexdigest()[:32]
    changed_at = row.changed_at
    values: dict[str, Any] = {}
    if etag != row.etag or changed_at is None:
        changed_at = moment.replace(microsecond=0)
        if row.changed_at and changed_at <= row.changed_at:
            changed_at = row.changed_at + timedelta(seconds=1)
        values = {"etag": etag, "changed_at": changed_at}
    if row.last_used_at is None or row.last_used_at <= moment - USE_STORED:
        values["last_used_at"] = moment
    if values:
        _store(row.id, values)
    return etag, changed_at


def _store(calendar_id: UUID, values: dict[str, Any]) -> None:
    """Store what a request has found out. If the database is busy, the next request stores it."""
    statement = update(CalendarAddress).where(CalendarAddress.id == calendar_id).values(values)
    with suppress(Problem), slow_requests().hold(Kind.WRITE, patience=0):
        try:
            db.session.execute(statement, execution_options={"synchronize_session": False})
            db.session.commit()
        except SQLAlchemyError as error:
            db.session.rollback()
            current_app.logger.warning("the use of a calendar cannot be stored: %s", error.__class__.__name__)


def _lock_user() -> int:
    """Lock the account of the caller, and return its epoch."""
    lock = select(User.epoch, User.active).where(User.id == caller().id).with_for_update(key_share=True)
    user = db.session.execute(lock).first()
    if user is None or not user.active:
        problem("token_revoked")
    return int(user.epoch)


def _digest(secret: str) -> bytes:
    """Return the SHA-256 of a secret, which is all that the database stores of it."""
    return sha256(secret.encode()).digest()


def _url(secret: str) -> str:
    return f"{service_url()}/calendars/{secret}.ics"


def _record(event: Event, calendar_id: UUID) -> None:
    record(event, actor_id=caller().id, subject_id=caller().id, calendar_id=str(calendar_id))
