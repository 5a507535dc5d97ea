"""Owned rows: their key starts with their owner, and each change of them takes the owner's next change number."""

import unicodedata
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Row, String, event, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column
from uuid_utils.compat import uuid7

from taskapi.database import EXACT, INTERNAL, Model, db, now


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
    name_key: Mapped[str] = mapped_column(EXACT, info=INTERNAL)

    def apply(self, changes: dict[str, Any]) -> None:
        """Take over what was named, and set what follows from it."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.name_key = name_key(self.name)


def name_key(name: str) -> str:
    """Return what two names have in common that differ in case only."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def lock_owner(owner_id: UUID, numbers: int = 1, **added: int) -> Row[int, int, int, int]:
    """Let no other writer of this owner's rows in until the end of the transaction, and take change numbers for it.

    Called before what is to be changed is read, so that what was read still holds when it is written. `added` are
    rows more, or fewer, by table. Returns the counter.
    """
    counts = {table: getattr(ChangeCounter, table) + number for table, number in added.items()}
    counter = db.session.execute(
        update(ChangeCounter)
        .where(ChangeCounter.owner_id == owner_id)
        .values(value=ChangeCounter.value + numbers, **counts)
        .returning(ChangeCounter.value, ChangeCounter.tasks, ChangeCounter.projects, ChangeCounter.labels)
    ).one()
    if numbers:
        taken = range(counter.value - numbers + 1, counter.value + 1)
        db.session().info.setdefault("numbers", {})[owner_id] = iter(taken)
    return counter


def change_all(model: type[Owned], owner_id: UUID, condition: ColumnElement[bool], **values: Any) -> int:
    """Change the owner's rows that meet the condition, each with a change number of its own; returns how many."""
    last = lock_owner(owner_id, 0).value
    number = func.row_number().over(order_by=model.id)
    chosen = select(model.id, number.label("number")).where(model.owner_id == owner_id, condition).subquery()
    changed = db.session.execute(
        update(model)
        .where(model.owner_id == owner_id, model.id == chosen.c.id)
        .values(version=last + chosen.c.number, updated_at=now(), **values),
        execution_options={"synchronize_session": False},
    )
    count: int = changed.rowcount  # type: ignore[attr-defined]
    if count:
        lock_owner(owner_id, count)
        db.session().info["numbers"].pop(owner_id)  # spent, by the rows just changed
        db.session.expire_all()
    return count


def _number_changes(session: Session, _context: Any, _instances: Any) -> None:
    """Give every new or changed owned row its owner's next change number."""
    changed = [row for row in (*session.new, *session.dirty) if isinstance(row, Owned) and session.is_modified(row)]
    for row in changed:
        taken = session.info.setdefault("numbers", {})
        number = next(taken.get(row.owner_id, iter(())), None)
        if number is None:
            lock_owner(row.owner_id, len(changed))
            number = next(taken[row.owner_id])
        row.version = number
        row.updated_at = now()
        if row in session.new:
            row.created_at = row.updated_at


def _forget_numbers(session: Session, *_: Any) -> None:
    session.info.pop("numbers", None)


event.listen(Session, "before_flush", _number_changes)
event.listen(Session, "after_transaction_end", _forget_numbers)
