"""Owned rows: queries that are limited to the rows of the caller, quotas, and versions.

Each change of an owned row takes the next number of its owner's counter, which is the version of the row. The counter
is one row for each owner. Whoever advances it holds its lock until the transaction ends, so that the changes of one
owner happen one after the other, and their versions become visible in order.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, select, update

from taskapi.api import problem
from taskapi.config import settings
from taskapi.context import current_g
from taskapi.database import PreparedStatement, db, now, writer
from taskapi.resources.models import ChangeCounter, Named, Owned, Trashable, name_key
from taskapi.security.tokens import caller

T = TypeVar("T", bound=Owned)
Found = TypeVar("Found")


class Counter(NamedTuple):
    """The counter of an owner: the last version that was taken, and the number of rows of each kind."""

    value: int
    tasks: int
    projects: int
    labels: int
    tombstones: int
    stored_responses: int
    stored_response_bytes: int


def is_owned(model: type[Owned]) -> ColumnElement[bool]:
    """Return the condition that a row belongs to the caller."""
    condition: ColumnElement[bool] = model.owner_id == caller().id
    return condition


def get_owned_or_404(model: type[T], row_id: UUID) -> T:
    """Return one of the caller's rows to change it. Responds 404 for a row of another user, as if it did not exist.

    Locks the caller's rows until the transaction ends.
    """
    lock_owner(caller().id)
    row: T | None = db.session.get(model, (caller().id, row_id))
    return row or problem("not_found")


def found_or_404(row: Found | None) -> Found:
    """Return a row that was read. Responds 404 if there is none."""
    return row or problem("not_found")


def refuse_in_trash(row: Trashable) -> None:
    """Respond 409 if a row is in the trash."""
    if row.deleted_at is not None:
        problem("in_trash")


def reserve_quota(model: type[Owned], count: int = 1) -> int:
    """Count new rows of the caller, and reserve a version for each. Responds 409 beyond the quota of the model.

    Locks the caller's rows until the transaction ends. Returns the last reserved version.
    A model without `has_quota` has no quota.
    """
    table = model.__tablename__
    counter = lock_owner(caller().id, count, **(added := counted(table, count)))
    if added and getattr(counter, table) > (most := getattr(settings(), f"max_{table}")):
        problem("quota_exceeded", f"You may have {most} {table}, those in the trash included.")
    return counter.value


def refuse_taken_name(model: type[Named], name: str, but: UUID | None = None) -> None:
    """Respond 409 if another row outside the trash has the name, ignoring case."""
    taken = select(model.id).where(is_owned(model), model.deleted_at.is_(None), model.name_key == name_key(name))
    if db.session.execute(taken).scalar() not in {None, but}:
        problem("name_taken")


def is_live(model: type[Trashable], row_id: UUID) -> bool:
    """Return whether the caller has a row of this id outside the trash."""
    found = select(model.id).where(is_owned(model), model.id == row_id, model.deleted_at.is_(None))
    return db.session.execute(found).first() is not None


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
    context = current_g()
    if context.get("versions_of") is not transaction:
        context.versions_of, context.versions = transaction, {}
    reserved: dict[UUID, Iterator[int]] = context.versions
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
