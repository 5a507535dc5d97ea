"""Sessions and refresh tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from taskapi.database import Model, now


class Session(Model):
    """A session, from sign-in to sign-out. It expires at `expires_at`; each refresh moves that instant.

    `amr` is how the user signed in, as the claim of its access tokens says.
    `refreshed_…` is the origin of the last refresh, `repeated_…` the origin of the last use of a spent refresh token.
    """

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ip: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(256))
    amr: Mapped[list[str]] = mapped_column(JSON)
    refreshed_ip: Mapped[str | None] = mapped_column(String(45))
    refreshed_user_agent: Mapped[str | None] = mapped_column(String(256))
    repeats: Mapped[int] = mapped_column(default=0, server_default="0")
    repeated_at: Mapped[datetime | None]
    repeated_ip: Mapped[str | None] = mapped_column(String(45))
    repeated_user_agent: Mapped[str | None] = mapped_column(String(256))


class RefreshToken(Model):
    """An issued refresh token, by its SHA-256. Spent ones are kept, so that a second use is detected."""

    __tablename__ = "refresh_tokens"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]
    spent_at: Mapped[datetime | None]
