"""Change numbers: one row for each owner, whose lock keeps that owner's writers in single file."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, event, update
from sqlalchemy.orm import Session

from taskapi.database import db, now
from taskapi.owned.rows import ChangeCounter, Owned


def lock_owner(owner_id: UUID, numbers: int = 1, **added: int) -> Row[int, int, int, int]:
    """Let no other writer of this owner's rows in until the end of the transaction, and take change numbers for it.

    Called before what is to be changed is read, so that what was read still holds when it is written. `added` are
    rows more, or fewer, by table. Returns the counter.
    """
    counter = advance(owner_id, numbers, **added)
    taken = range(counter.value - numbers + 1, counter.value + 1)
    db.session().info.setdefault("numbers", {})[owner_id] = iter(taken)
    return counter


def advance(owner_id: UUID, numbers: int, **added: int) -> Row[int, int, int, int]:
    """Move the counter on, and lock it; the numbers are the caller's to give out. Returns it as it is then."""
    counts = {table: getattr(ChangeCounter, table) + number for table, number in added.items()}
    return db.session.execute(
        update(ChangeCounter)
        .where(ChangeCounter.owner_id == owner_id)
        .values(value=ChangeCounter.value + numbers, **counts)
        .returning(ChangeCounter.value, ChangeCounter.tasks, ChangeCounter.projects, ChangeCounter.labels)
    ).one()


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
