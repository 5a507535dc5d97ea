"""Change accounts: roles, state, time zone and deletion.

Each change locks the account, checks the new state, revokes tokens and records the change, in this order.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Flask, current_app
from sqlalchemy import Connection, and_, bindparam, or_, select

from taskapi.api import invalid, problem
from taskapi.audit import Event, record
from taskapi.database import PreparedStatement, db, reader, rls_user
from taskapi.resources.ownership import lock_owner
from taskapi.security.rate_limit import TIMEZONE, enforce_limit
from taskapi.security.rbac import Role
from taskapi.users.models import User, has_role

TimezoneListener = Callable[[UUID, ZoneInfo], None]
ProfileCheck = Callable[[User, dict[str, Any]], None]
BATCH: Final = 1000
_PROFILE_CHECKS: Final = "taskapi-profile-checks"
_LISTENERS: Final = "taskapi-timezone-listeners"
_ACTIVE_ADMIN = and_(User.active, has_role(Role.ADMIN))
_TIMEZONE = PreparedStatement(select(User.timezone).where(User.id == bindparam("id")))


def iterate_user_ids() -> Iterator[UUID]:
    """Yield the ids of all users, read in batches."""
    last = UUID(int=0)
    while ids := reader().scalars(select(User.id).where(User.id > last).order_by(User.id).limit(BATCH)).all():
        yield from ids
        last = ids[-1]


def lock_account(user_id: UUID) -> User:
    """Lock an account for a change, or respond 404.

    All administrators are locked with it, in one order: if two demote each other, the second waits, and then finds no
    other administrator. The lock does not block rows that refer to the accounts.
    """
    statement = select(User).where(or_(User.id == user_id, _ACTIVE_ADMIN)).order_by(User.id)
    locked = db.session.scalars(
        statement.with_for_update(key_share=True), execution_options={"populate_existing": True}
    ).all()
    return next((user for user in locked if user.id == user_id), None) or problem("not_found")


def in_order(roles: Iterable[str]) -> list[str]:
    """Return roles once each, in the order of `Role`."""
    return [role.value for role in Role if role in set(roles)]


def change_roles(user: User, roles: Iterable[str], actor_id: UUID | None = None) -> None:
    """Set the roles of a locked account. Revokes its access tokens; a refresh returns one with the new roles."""
    before, after = user.roles, in_order(roles)
    if not after:
        invalid("json", {"roles": ["Must have at least one."]})
    if after == before:
        return
    if Role.ADMIN not in after:
        _require_another_admin(user)
    user.roles = after
    user.epoch += 1  # revokes the tokens issued before
    record(Event.ROLES_CHANGED, actor_id=actor_id, subject_id=user.id, before=before, after=after)


def change_active(user: User, active: bool, actor_id: UUID | None = None) -> None:
    """Activate or deactivate a locked account."""
    if active == user.active:
        return
    if not active:
        _require_another_admin(user)
    user.active = active
    user.epoch += 1  # revokes the tokens issued before
    record(Event.ACTIVATED if active else Event.DEACTIVATED, actor_id=actor_id, subject_id=user.id)


def delete_user(user: User, actor_id: UUID | None = None) -> None:
    """Delete a locked account; the database deletes every row that it owns.

    That revokes its tokens: a token of a user who does not exist is refused.
    """
    _require_another_admin(user)
    with rls_user(user.id):
        lock_owner(user.id, 0)  # in the order of every writer of the user's rows, which prevents a deadlock
    record(Event.DELETED, actor_id=actor_id, subject_id=user.id)
    db.session.delete(user)


def _require_another_admin(user: User) -> None:
    """Respond 409 if this user is the only active administrator."""
    if not user.active or Role.ADMIN not in user.roles:
        return
    if db.session.execute(select(User.id).where(User.id != user.id, _ACTIVE_ADMIN).limit(1)).first() is None:
        problem("last_admin")


def add_profile_check(app: Flask, check: ProfileCheck) -> None:
    """Register a function that may reject changes of a profile by its user."""
    app.extensions.setdefault(_PROFILE_CHECKS, []).append(check)


def check_profile(user: User, changes: dict[str, Any]) -> None:
    """Call the registered functions before the profile of a locked account changes."""
    for check in current_app.extensions.get(_PROFILE_CHECKS, ()):
        check(user, changes)


def timezone_of(user_id: UUID, connection: Connection) -> ZoneInfo:
    """Return a user's time zone. It cannot change while a transaction holds the owner's lock."""
    return ZoneInfo(_TIMEZONE.one(connection, {"id": user_id})["timezone"])


def change_timezone(user: User, name: str) -> None:
    """Change the time zone of a locked account, and call the listeners. Responds 429 if it changes too often."""
    if name == user.timezone:
        return
    enforce_limit(TIMEZONE, str(user.id))
    lock_owner(user.id, 0)  # writers of tasks read the time zone under this lock
    user.timezone = name
    listeners: Iterable[TimezoneListener] = current_app.extensions[_LISTENERS]
    for listener in listeners:
        listener(user.id, ZoneInfo(name))


def init_timezones(app: Flask, *listeners: TimezoneListener) -> None:
    """Register functions that run in the transaction that changes a user's time zone."""
    app.extensions.setdefault(_LISTENERS, []).extend(listeners)
