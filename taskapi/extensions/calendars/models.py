"""Calendar addresses."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from taskapi.database import Model, now


class CalendarAddress(Model):
    """A calendar address, by the SHA-256 of its secret.

    As a personal token, it has no row-level security: a request finds it before its user is known. `epoch` is that of
    the user when the secret was created. `etag` is the one that the calendar had last, and `changed_at` when it got
    there, which is its Last-Modified.
    """

    __tablename__ = "calendar_addresses"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(6))
    project_id: Mapped[UUID | None]
    epoch: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]
    etag: Mapped[str | None] = mapped_column(String(32))
    changed_at: Mapped[datetime | None]
