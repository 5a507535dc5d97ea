"""Base classes of owned rows, the counter of their owner, and the tombstones of deleted rows."""

import unicodedata
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from taskapi.database import CODE_POINT_TEXT, INTERNAL, Model


class ChangeCounter(Model):
    """The counter of an owner: the last version, the highest purged version, and the numbers of rows.

    It is not part of the account, so that it can be on the shard of its owner's rows.
    """

    __tablename__ = "change_counters"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger, default=0)
    purged: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    tasks: Mapped[int] = mapped_column(default=0, server_default="0")
    projects: Mapped[int] = mapped_column(default=0, server_default="0")
    labels: Mapped[int] = mapped_column(default=0, server_default="0")
    tombstones: Mapped[int] = mapped_column(default=0, server_default="0")
    stored_responses: Mapped[int] = mapped_column(default=0, server_default="0")
    stored_response_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class Owned:
    """A row that belongs to one user. Its key starts with its owner."""

    __tablename__: str
    has_quota: ClassVar[bool] = True  # a model without a quota sets it to False

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(BigInteger)

    def apply(self, changes: dict[str, Any]) -> None:
        """Set the fields that `changes` names, and the columns that depend on them."""
        for name, value in changes.items():
            setattr(self, name, value)


class Trashable(Owned):
    """An owned row that can be moved to the trash, and restored."""

    deleted_at: Mapped[datetime | None]


class Named(Trashable):
    """A row whose name is unique among its owner's rows outside the trash, ignoring case."""

    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(CODE_POINT_TEXT, info=INTERNAL)

    def apply(self, changes: dict[str, Any]) -> None:
        """Set the fields that `changes` names, and the key of the name."""
        super().apply(changes)
        self.name_key = name_key(self.name)


class Tombstone(Model):
    """A row that was deleted permanently. The change feed reports it until it is purged."""

    __tablename__ = "tombstones"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    deleted_at: Mapped[datetime]
    type: Mapped[str] = mapped_column(String(16))

    __table_args__ = (Index(None, "owner_id", "version", unique=True), Index(None, "owner_id", "deleted_at"))


def name_key(name: str) -> str:
    """Return the key of a name. Names that differ only in case have the same key."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
