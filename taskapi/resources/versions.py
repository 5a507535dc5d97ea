"""Change numbers: one row for each owner, whose lock keeps that owner's writers in single file."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, event, update
from sqlalchemy.orm import Session

from taskapi.context import current_g
from taskapi.database import PreparedStatement, now, writer
from taskapi.resources.models import ChangeCounter, Owned


class Counter(NamedTuple):
    """An owner's counter: the last change number that was taken, and how many rows there are of each kind."""

    value: int
    tasks: int
    projects: int
    labels: int
    tombstones: int
    answers: int
    answer_bytes: int


def lock_owner(owner_id: UUID, numbers: int = 1, **added: int) -> Counter:
    """Let no other writer of this owner's rows in until the end of the transaction, and take change numbers for it.

    Called before what is to be changed is read, so that what was read still holds when it is written. `added` are
    rows more, or fewer, by table. Returns the counter.
    """
    counter = advance_counter(owner_id, numbers, **added)
    taken = range(counter.value - numbers + 1, counter.value + 1)
    _taken()[owner_id] = iter(taken)
    return counter


def advance_counter(owner_id: UUID, numbers: int, **added: int) -> Counter:
    """Move the counter on, and lock it; the numbers are the caller's to give out. Returns it as it is then.

    The session has nothing pending that would take numbers too.
    """
    moving = _moving(frozenset(added))
    return Counter(**moving.one(writer(), {"owner": owner_id, "by": numbers, **added}))


def take_version(owner_id: UUID, more: int = 1) -> int:
    """Return the next of the numbers that were taken in this transaction; takes `more` where all are given out."""
    number = next(_taken().get(owner_id, iter(())), None)
    if number is None:
        lock_owner(owner_id, more)
        number = next(_taken()[owner_id])
    return number


def _taken() -> dict[UUID, Iterator[int]]:
    """Return the numbers that were taken in this transaction, by owner; those of an earlier one are void."""
    transaction = writer().get_transaction()
    here = current_g()
    if here.get("numbering") is not transaction:
        here.numbering, here.numbers = transaction, {}
    taken: dict[UUID, Iterator[int]] = here.numbers
    return taken


@lru_cache
def _moving(tables: frozenset[str]) -> PreparedStatement:
    counts = {table: getattr(ChangeCounter, table) + bindparam(table) for table in tables}
    return PreparedStatement(
        update(ChangeCounter)
        .where(ChangeCounter.owner_id == bindparam("owner"))
        .values(value=ChangeCounter.value + bindparam("by"), **counts)
        .returning(*(getattr(ChangeCounter, name) for name in Counter._fields))
    )


def _number_changes(session: Session, _context: Any, _instances: Any) -> None:
    """Give every new or changed owned row its owner's next change number."""
    changed = [row for row in (*session.new, *session.dirty) if isinstance(row, Owned) and session.is_modified(row)]
    for row in changed:
        row.version = take_version(row.owner_id, len(changed))
        row.updated_at = now()
        if row in session.new:
            row.created_at = row.updated_at


event.listen(Session, "before_flush", _number_changes)
