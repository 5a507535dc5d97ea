"""Passkeys, and the challenges that were used.

As sessions, they have no row-level security: a sign-in reads them before the request has a user.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from taskapi.database import Model, now


class Passkey(Model):
    """A passkey of a user: the public key of a credential, which has the id `credential_id` in all browsers.

    `sign_count` is the last counter of the authenticator. Passkeys that are synchronized have none: it stays 0.
    """

    __tablename__ = "passkeys"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023), unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary())
    sign_count: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"))
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]


class UsedChallenge(Model):
    """A challenge that was used, by its random part. It is kept until the challenge has expired."""

    __tablename__ = "used_passkey_challenges"

    nonce: Mapped[str] = mapped_column(String(22), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
