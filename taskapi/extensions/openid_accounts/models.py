"""Identities at the OpenID provider, and their accounts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.database import Model, now


class OpenidIdentity(Model):
    """A person at a provider, and their account. Only `issuer` and `subject` identify the person, never an address.

    As a session, it has no row-level security: a sign-in finds it before its user is known.
    """

    __tablename__ = "openid_identities"
    __table_args__ = (UniqueConstraint("user_id", "issuer"),)

    issuer: Mapped[str] = mapped_column(String(255), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    linked_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]
