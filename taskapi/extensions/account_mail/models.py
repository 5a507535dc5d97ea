"""Verified addresses, and the links that were sent."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.database import INTERNAL, Model, now


class VerifiedEmail(Model):
    """The address that a user has confirmed. It counts only while it is the address of the account.

    Addresses are not unique: people share mailboxes. `lookup` is the address in lower case.
    """

    __tablename__ = "verified_emails"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    lookup: Mapped[str] = mapped_column(String(254), index=True, info=INTERNAL)
    verified_at: Mapped[datetime] = mapped_column(default=now)


class MailLink(Model):
    """A link in a mail, by the SHA-256 of its token. It is valid while the account has the same `state`.

    Each attempt to send a mail has its own links. `request_id` is the same for all attempts.
    """

    __tablename__ = "mail_links"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(16))
    email: Mapped[str] = mapped_column(String(254))
    lookup: Mapped[str] = mapped_column(String(254), index=True, info=INTERNAL)
    request_id: Mapped[UUID]
    state: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
