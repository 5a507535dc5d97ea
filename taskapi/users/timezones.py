"""The time zone of an account, which says what a day is to its user."""

from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Flask, current_app
from sqlalchemy import Connection, bindparam, select

from taskapi.database import PreparedStatement
from taskapi.resources.versions import lock_owner
from taskapi.security.rate_limit import TIMEZONE, enforce_limit
from taskapi.users.models import User

Follower = Callable[[UUID, ZoneInfo], None]
_EXTENSION: Final = "taskapi-timezone-followers"
_TIMEZONE = PreparedStatement(select(User.timezone).where(User.id == bindparam("id")))


def timezone_of(user_id: UUID, connection: Connection) -> ZoneInfo:
    """Return a user's time zone. It cannot change while a transaction holds the owner's lock."""
    return ZoneInfo(_TIMEZONE.one(connection, {"id": user_id})["timezone"])


def change_timezone(user: User, name: str) -> None:
    """Change the time zone of a locked account, with what is stored by its days. Respond 429 if that is too often."""
    if name == user.timezone:
        return
    enforce_limit(TIMEZONE, str(user.id))
    lock_owner(user.id, 0)  # whoever adds a task reads the zone under this lock
    user.timezone = name
    followers: Iterable[Follower] = current_app.extensions[_EXTENSION]
    for follow in followers:
        follow(user.id, ZoneInfo(name))


def init_timezones(app: Flask, *followers: Follower) -> None:
    """Have these functions called in the transaction that changes a user's time zone."""
    app.extensions[_EXTENSION] = followers
