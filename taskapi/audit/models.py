"""Entries of the audit log. Triggers in the database prevent changes and deletions."""

from datetime import datetime
from enum import StrEnum, auto
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from taskapi.database import Model, now


class Event(StrEnum):
    """Events of the audit log; stored as the name in lower case."""

    SIGN_IN = auto()
    SIGN_IN_FAILED = auto()
    SIGN_OUT = auto()
    REFRESH_TOKEN_REPEATED = auto()
    REFRESH_TOKEN_THEFT = auto()
    PASSWORD_CHANGED = auto()
    PASSWORD_RESET_REQUESTED = auto()
    EMAIL_CHANGED = auto()
    EMAIL_VERIFIED = auto()
    PROFILE_CHANGED = auto()
    ROLES_CHANGED = auto()
    ACTIVATED = auto()
    DEACTIVATED = auto()
    CREATED = auto()
    DELETED = auto()
    EXPORTED = auto()
    IMPORTED = auto()
    KEYS_CHANGED = auto()
    TOKENS_INVALIDATED = auto()
    ACCESS_REFUSED = auto()
    TOKEN_CREATED = auto()
    TOKEN_DELETED = auto()
    SECOND_FACTOR_ENABLED = auto()
    SECOND_FACTOR_DISABLED = auto()
    RECOVERY_CODES_CREATED = auto()
    RECOVERY_CODE_USED = auto()
    IDENTITY_LINKED = auto()
    IDENTITY_UNLINKED = auto()
    PASSKEY_ADDED = auto()
    PASSKEY_REMOVED = auto()


class AuditEntry(Model):
    """An event that affects a user (`subject_id`), and the user who caused it (`actor_id`, null: not signed in).

    Neither is a foreign key: entries are kept when an account is deleted.
    """

    __tablename__ = "audit_entries"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    at: Mapped[datetime] = mapped_column(default=now)
    event: Mapped[str] = mapped_column(String(32))
    actor_id: Mapped[UUID | None]
    subject_id: Mapped[UUID | None]
    ip: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(256))
    request_id: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)

    __table_args__ = (
        Index(None, "at", "id"),
        Index(None, "event", "at", "id"),
        Index(None, "actor_id", "at", "id"),
        Index(None, "subject_id", "at", "id"),
    )


class AuditOpening(Model):
    """While this row exists, the triggers let its transaction clear origins, and delete entries before `remove_before`.

    The row refers to a row that cannot exist, by a deferred foreign key. So the row must be deleted before the commit.
    """

    __tablename__ = "audit_openings"

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    never: Mapped[int] = mapped_column(
        ForeignKey("audit_openings.id", deferrable=True, initially="DEFERRED"), default=2
    )
    remove_before: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("id = 1 AND never = 2", name="never"),)
