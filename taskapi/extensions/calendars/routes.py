"""/me/calendars: the calendar addresses of the caller. /calendars: what is at them."""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from flask import Blueprint as Pages
from flask import Flask, Response, request
from sqlalchemy import select

from taskapi.api import Blueprint, public
from taskapi.config import Settings, settings_of
from taskapi.database import db, reader, snapshot
from taskapi.extensions.calendars import service
from taskapi.extensions.calendars.events import event_of
from taskapi.extensions.calendars.schemas import (
    CalendarCreateSchema,
    CalendarPageSchema,
    CalendarSettings,
    NewCalendarSchema,
)
from taskapi.extensions.exports.downloads import download
from taskapi.extensions.exports.icalendar import escape, todo_of, write_ics
from taskapi.extensions.exports.tasks import read_chunks, select_tasks
from taskapi.projects.models import Project
from taskapi.resources.pagination import PageSchema, next_link
from taskapi.security.guard import requires
from taskapi.security.rate_limit import Limit, enforce_limit, limited
from taskapi.security.rbac import Permission
from taskapi.tasks.models import Task
from taskapi.users.service import timezone_of

FEED: Final = Limit("calendar", lambda _: f"{settings_of(CalendarSettings).calendar_requests_per_hour}/hour")
FEED_ADDRESS: Final = Limit(
    "calendar-address", lambda _: f"{settings_of(CalendarSettings).calendar_requests_per_hour_of_address}/hour"
)

blp = Blueprint(
    "calendars",
    __name__,
    url_prefix="/api/v1/me/calendars",
    description="Secret addresses at which calendar applications read your tasks. Whoever knows one can read them.",
)
# Not in the document: it is for calendar applications, not for clients of the API
feeds = Pages("calendar_feeds", __name__, url_prefix="/calendars")


@blp.post("")
@blp.arguments(CalendarCreateSchema)
@blp.response(201, NewCalendarSchema, errors=("quota_exceeded",))
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def create_calendar(values: dict[str, Any]) -> dict[str, Any]:
    """Create a calendar address. Only this response contains its `url`.

    Subscribe to the URL in a calendar application. Whoever knows it can read these tasks, until you rotate or delete
    it. It stays valid when you sign out or change your password.
    """
    calendar = service.create_calendar(values)
    db.session.commit()
    return calendar


@blp.get("")
@blp.arguments(PageSchema, location="query")
@blp.response(200, CalendarPageSchema, headers=("Link",))
@requires(Permission.ACCOUNT_READ)
def list_calendars(query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """List your calendar addresses, the latest first, without their URLs."""
    page = service.list_calendars(query["limit"], query.get("cursor"))
    return page, next_link(page["next_cursor"])


@blp.post("/<uuid:calendar_id>/rotate")
@blp.response(200, NewCalendarSchema)
@requires(Permission.ACCOUNT_WRITE, fresh=True)
def rotate_calendar(calendar_id: UUID) -> dict[str, Any]:
    """Give a calendar address a new URL. The old one is not found any more from now on."""
    calendar = service.rotate_calendar(calendar_id)
    db.session.commit()
    return calendar


@blp.delete("/<uuid:calendar_id>")
@blp.response(204)
@requires(Permission.ACCOUNT_WRITE)
def delete_calendar(calendar_id: UUID) -> None:
    """Delete a calendar address. Its URL is not found any more from now on."""
    service.delete_calendar(calendar_id)
    db.session.commit()


@feeds.get("/<secret>.ics")
@public
@limited(FEED_ADDRESS)
def show_calendar(secret: str) -> Response:
    """Show the tasks of a calendar address, as of the exports: without the trash and archived projects."""
    calendar = service.find_calendar(secret)
    enforce_limit(FEED, str(calendar.id))
    etag, changed_at = service.refresh_calendar(calendar)
    response = _describe(Response(), etag, changed_at)
    response.make_conditional(request)
    if response.status_code == 304:
        return response
    pieces = _pieces(calendar)
    return _describe(download(calendar.user_id, "tasks.ics", "text/calendar; charset=utf-8", pieces), etag, changed_at)


def _describe(response: Response, etag: str, changed_at: Any) -> Response:
    response.set_etag(etag)
    response.last_modified = changed_at
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Disposition"] = 'inline; filename="tasks.ics"'
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _pieces(calendar: Any) -> Iterator[bytes]:
    archived = select(Project.id).where(Project.owner_id == calendar.user_id, Project.archived.is_(True))
    conditions = [Task.project_id.is_(None) | Task.project_id.not_in(archived)]
    if calendar.project_id:
        conditions.append(Task.project_id == calendar.project_id)
    if calendar.kind == "VEVENT":
        conditions.append(Task.due_date.is_not(None) | Task.due_at.is_not(None))
    properties = (
        f"X-WR-CALNAME:{escape(calendar.name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
    )
    with snapshot() as connection:
        chunks = read_chunks(connection, select_tasks(calendar.user_id, *conditions))
        lines_of = event_of if calendar.kind == "VEVENT" else todo_of
        yield from write_ics(chunks, timezone_of(calendar.user_id, reader()), lines_of, properties)


def init_calendars(app: Flask, _settings: Settings) -> None:
    """Serve the calendars."""
    app.register_blueprint(feeds)
