"""Find users, and count users, sessions, tasks and sign-ins."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from taskapi.audit.models import AuditEntry, Event
from taskapi.auth.models import Session
from taskapi.database import JsonRow, PreparedJsonRow, now, reader, rls_count_only
from taskapi.database.types import fold
from taskapi.extensions.admin.schemas import UserSchema
from taskapi.resources.models import ChangeCounter
from taskapi.resources.pagination import SortKey, find_page, select_page
from taskapi.security.rbac import Role
from taskapi.users.models import User, has_role

NAMES = tuple(UserSchema().dump_fields)
KEYS = (SortKey(User.username),)
_USERS = select(*(getattr(User, name) for name in NAMES))
_ONE = PreparedJsonRow(_USERS.where(User.id == bindparam("id")))


def find_user(user_id: UUID) -> JsonRow | None:
    """Return an account as administrators see it, or None."""
    return _ONE.first(reader(), {"id": user_id})


def find_users(query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of users, sorted by username."""
    statement = select_users(query)
    return find_page(lambda after: select_page(statement, KEYS, after=after), KEYS, query)


def select_users(query: dict[str, Any]) -> Select[Any]:
    """Return the statement that selects users by the filters `q`, `role` and `active`."""
    conditions = [User.words.contains(word, autoescape=True) for word in fold(query.get("q", "")).split()]
    if "role" in query:
        conditions.append(has_role(query["role"]))
    if "active" in query:
        conditions.append(User.active.is_(query["active"]))
    return _USERS.where(*conditions)


def stats() -> dict[str, Any]:
    """Return the statistics of the service. Each number takes one query."""
    day = AuditEntry.at >= now() - timedelta(days=1)
    return {
        "users": _count(User),
        "active_users": _count(User, User.active.is_(True)),
        "users_by_role": {role.value: _count(User, has_role(role)) for role in Role},
        "sessions": _count(Session, Session.expires_at > now()),
        "tasks": _count_tasks(),
        "sign_ins_today": _count(AuditEntry, AuditEntry.event == Event.SIGN_IN, day),
        "failed_sign_ins_today": _count(AuditEntry, AuditEntry.event == Event.SIGN_IN_FAILED, day),
    }


def _count_tasks() -> int:
    """Add up the change counters: row-level security hides the tasks of other users."""
    with rls_count_only():
        found: int = reader().execute(select(func.coalesce(func.sum(ChangeCounter.tasks), 0))).scalar_one()
    return found


def _count(model: Any, *conditions: ColumnElement[bool]) -> int:
    found: int = reader().execute(select(func.count()).select_from(model).where(*conditions)).scalar_one()
    return found
