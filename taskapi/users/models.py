"""The user model."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ColumnElement, Integer, String, cast
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from taskapi.audit import Event, record
from taskapi.database import Model, db, now, rls_user
from taskapi.database.types import fold
from taskapi.resources.models import ChangeCounter
from taskapi.security.passwords import NO_PASSWORD, hash_password
from taskapi.security.rbac import Role


class User(Model):
    """A user. A higher `epoch` revokes the access tokens that were issued before."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(60), index=True)  # indexed: see _highest_cost
    name: Mapped[str | None] = mapped_column(String(100))
    email: Mapped[str | None] = mapped_column(String(254))
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    roles: Mapped[list[str]] = mapped_column(JSON, default=lambda: [Role.EDITOR.value])
    active: Mapped[bool] = mapped_column(default=True)
    epoch: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    words: Mapped[str]  # the folded text that the search for users reads

    def __repr__(self) -> str:
        return f"<User {self.id}>"

    def apply(self, changes: dict[str, Any]) -> None:
        """Set fields, and update the search text."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.words = fold("\n".join(filter(None, (self.username, self.name, self.email))))


def has_role(role: str) -> ColumnElement[bool]:
    """Return the condition that a user has a role. It compares text: the databases differ in their JSON operators."""
    return cast(User.roles, String).contains(f'"{role}"')


def create_user(username: str, password: str | None, *, actor_id: UUID | None = None, **fields: object) -> User:
    """Add a user and their change counter to the session. Raises IntegrityError if the username is taken.

    A user without a password signs in by the means of an extension.
    """
    user = User(id=uuid7(), password_hash=hash_password(password) if password else NO_PASSWORD)
    user.apply({"username": username, **fields})
    db.session.add(user)
    db.session.flush()
    with rls_user(user.id):
        db.session.add(ChangeCounter(owner_id=user.id, value=0))
    record(Event.CREATED, actor_id=actor_id, subject_id=user.id, roles=user.roles)
    return user
