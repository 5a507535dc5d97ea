"""Change accounts as an administrator, over HTTP or on the command line. The callers of these functions commit.

`actor_id` is the administrator, or None on the command line.
"""

from collections.abc import Mapping
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from taskapi.api import problem
from taskapi.audit import Event, record
from taskapi.auth.sessions import end_sessions
from taskapi.database import reader
from taskapi.resources.ownership import found_or_404
from taskapi.security.passwords import hash_password, own_words, require_strength
from taskapi.users.models import User, create_user
from taskapi.users.service import change_active, change_roles, delete_user, in_order, lock_account


def create_account(account: Mapping[str, Any], actor_id: UUID | None = None) -> User:
    """Create an account for another user. Responds 422 to a weak password, and 409 if the username is taken."""
    require_strength(account["password"], own_words(**account))
    try:
        user = create_user(**{**account, "roles": in_order(account["roles"])}, actor_id=actor_id)
    except IntegrityError:
        _refuse_taken(account["username"])
    if not user.active:
        record(Event.DEACTIVATED, actor_id=actor_id, subject_id=user.id)
    return user


def require_free(username: str) -> None:
    """Respond 409 if a username is taken. Another process may take it meanwhile, so `create_account` checks it too."""
    if reader().execute(select(User.id).where(User.username == username)).first():
        _refuse_taken(username)


def _refuse_taken(username: str) -> NoReturn:
    problem("username_taken", f"The username {username} is taken.")


def change_account(user_id: UUID, changes: Mapping[str, Any], actor_id: UUID | None = None) -> User:
    """Change the `name`, `roles` or `active` of a user. Deactivation ends all sessions of the user."""
    user = lock_account(user_id)
    if "name" in changes:
        user.apply({"name": changes["name"]})
        record(Event.PROFILE_CHANGED, actor_id=actor_id, subject_id=user.id, fields=["name"])
    if "roles" in changes:
        change_roles(user, changes["roles"], actor_id)
    if "active" in changes:
        change_active(user, changes["active"], actor_id)
    if not user.active:
        end_sessions(user.id, actor_id)
    return user


def delete_account(user_id: UUID, actor_id: UUID | None = None) -> User:
    """Delete an account and every row that it owns. Return the deleted account."""
    user = lock_account(user_id)
    delete_user(user, actor_id)
    return user


def sign_out(user_id: UUID, actor_id: UUID | None = None) -> User:
    """End all sessions of a user."""
    user = lock_account(user_id)
    end_sessions(user.id, actor_id)
    return user


def set_password(user_id: UUID, password: str, actor_id: UUID | None = None) -> User:
    """Change the password of a user, and end all their sessions."""
    row = reader().execute(select(User.username, User.name, User.email).where(User.id == user_id)).mappings().first()
    require_strength(password, own_words(**found_or_404(row)))
    hashed = hash_password(password)  # slow, so before the lock
    user = lock_account(user_id)
    user.password_hash = hashed
    end_sessions(user.id, actor_id)
    record(Event.PASSWORD_CHANGED, actor_id=actor_id, subject_id=user.id)
    return user
