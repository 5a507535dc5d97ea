"""Versions: each change of an owned row takes the next number of its owner's counter.

The counter is one row for each owner. Whoever advances it holds its lock until the transaction ends, so that the
changes of one owner happen one after the other, and their versions become visible in order.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, update

from taskapi.context import current_g
from taskapi.database import PreparedStatement, db, now, writer
from taskapi.resources.models import ChangeCounter, Owned


class Counter(NamedTuple):
    """The counter of an owner: the last version that was taken, and the number of rows of each kind."""

    value: int
    tasks: int
    projects: int
    labels: int
    tombstones: int
    answers: int
    answer_bytes: int


def lock_owner(owner_id: UUID, versions: int = 1, **added: int) -> Counter:
    """Lock the rows of an owner until the transaction ends, and reserve versions for `take_version`.

    Call it before you read what you change. `added` are the numbers of rows added, by table. Returns the counter.
    """
    counter = advance_counter(owner_id, versions, **added)
    _reserved()[owner_id] = iter(range(counter.value - versions + 1, counter.value + 1))
    return counter


def advance_counter(owner_id: UUID, versions: int, **added: int) -> Counter:
    """Advance the counter by a number of versions, and lock the owner. Returns the counter after that.

    The caller gives the versions to rows; `take_version` does not return them.
    """
    statement = _advance(frozenset(added))
    return Counter(**statement.one(writer(), {"owner": owner_id, "by": versions, **added}))


def counted(table: str, rows: int) -> dict[str, int]:
    """Return how a number of rows changes the counter: not at all for a table without a column in it."""
    return {table: rows} if table in ChangeCounter.__table__.columns else {}


def take_version(owner_id: UUID, more: int = 1) -> int:
    """Return the next reserved version of this transaction. Reserves `more` if none is left."""
    version = next(_reserved().get(owner_id, iter(())), None)
    if version is None:
        lock_owner(owner_id, more)
        version = next(_reserved()[owner_id])
    return version


def save(*rows: Owned, changed: bool = False) -> None:
    """Insert the rows that are new, and update those that changed, or all with `changed`, each under a new version."""
    moment = now()
    for row in rows:
        if row not in db.session:
            row.created_at = moment
            db.session.add(row)
        elif not (changed or db.session.is_modified(row)):
            continue
        row.version = take_version(row.owner_id, len(rows))
        row.updated_at = moment
    db.session.flush()


def _reserved() -> dict[UUID, Iterator[int]]:
    """Return the reserved versions of this transaction by owner."""
    transaction = writer().get_transaction()
    here = current_g()
    if here.get("versions_of") is not transaction:
        here.versions_of, here.versions = transaction, {}
    reserved: dict[UUID, Iterator[int]] = here.versions
    return reserved


@lru_cache
def _advance(tables: frozenset[str]) -> PreparedStatement:
    counts = {table: getattr(ChangeCounter, table) + bindparam(table) for table in tables}
    return PreparedStatement(
        update(ChangeCounter)
        .where(ChangeCounter.owner_id == bindparam("owner"))
        .values(value=ChangeCounter.value + bindparam("by"), **counts)
        .returning(*(getattr(ChangeCounter, name) for name in Counter._fields))
    )
