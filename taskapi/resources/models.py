"""Owned rows, their owner's counter, and what is left of them."""

import unicodedata
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from taskapi.database import CODE_POINT_TEXT, INTERNAL, Model


class ChangeCounter(Model):
    """An owner's change numbers: the last one given out, the last one forgotten, and how many rows there are.

    Apart from the account, so that it can live on the shard of its owner's rows.
    """

    __tablename__ = "change_counters"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger, default=0)
    purged: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    tasks: Mapped[int] = mapped_column(default=0, server_default="0")
    projects: Mapped[int] = mapped_column(default=0, server_default="0")
    labels: Mapped[int] = mapped_column(default=0, server_default="0")
    tombstones: Mapped[int] = mapped_column(default=0, server_default="0")
    answers: Mapped[int] = mapped_column(default=0, server_default="0")
    answer_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class Owned:
    """A row that belongs to one person."""

    __tablename__: str

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(BigInteger)


class Trashable(Owned):
    """An owned row that is thrown into the trash before it is gone for good."""

    deleted_at: Mapped[datetime | None]


class Named(Trashable):
    """A trashable row whose name no other live one of its owner's has, in any case."""

    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(CODE_POINT_TEXT, info=INTERNAL)

    def apply(self, changes: dict[str, Any]) -> None:
        """Take over what was named, and set what follows from it."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.name_key = name_key(self.name)


class Tombstone(Model):
    """What is left of a row that was deleted for good, until it is old enough to be forgotten."""

    __tablename__ = "tombstones"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    deleted_at: Mapped[datetime]
    type: Mapped[str] = mapped_column(String(16))

    __table_args__ = (Index(None, "owner_id", "version", unique=True), Index(None, "owner_id", "deleted_at"))


def name_key(name: str) -> str:
    """Return what two names have in common that differ in case only."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
