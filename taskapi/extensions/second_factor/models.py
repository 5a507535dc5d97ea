"""Second factors and recovery codes.

As sessions, they have no row-level security: a sign-in reads them before the request has a user.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.database import Model


class SecondFactor(Model):
    """The authenticator application of a user. It counts once `confirmed_at` is set.

    `secret` is encrypted. `last_step` is the time step of the last code that was used, so that no code works twice.
    """

    __tablename__ = "second_factors"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary())
    last_step: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), default=0)
    confirmed_at: Mapped[datetime | None]


class RecoveryCode(Model):
    """An unused recovery code, by its SHA-256: a code has 120 random bits. It is deleted when it is used."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
