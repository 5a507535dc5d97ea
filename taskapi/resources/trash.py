"""Changes of many owned rows at once: update, permanent deletion, and purge.

The statements bypass the session, so all entities expire. `flask prune` empties the trash of all models, one owner at a
time, because row-level security hides other owners' rows.
"""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Result,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from taskapi.config import settings
from taskapi.database import Model, PreparedStatement, UtcDateTime, db, now, reader
from taskapi.resources.idempotency import LIFETIME, StoredResponse
from taskapi.resources.models import ChangeCounter, Owned, Tombstone, Trashable
from taskapi.resources.ownership import advance_counter, counted, lock_owner

_NO_SYNC = {"synchronize_session": False}


def update_rows(model: type[Owned], owner_id: UUID, condition: ColumnElement[bool], **values: Any) -> None:
    """Update the owner's rows that meet the condition, each under a new version."""
    last = advance_counter(owner_id, 0).value
    number = func.row_number().over(order_by=model.id)
    chosen = select(model.id, number.label("number")).where(model.owner_id == owner_id, condition).subquery()
    change = (
        update(model)
        .where(model.owner_id == owner_id, model.id == chosen.c.id)
        .values(version=last + chosen.c.number, **{"updated_at": now(), **values})
    )
    advance_counter(owner_id, _count(db.session.execute(change, execution_options=_NO_SYNC)))
    db.session.expire_all()


def delete_permanently(model: type[Owned], owner_id: UUID, condition: ColumnElement[bool]) -> None:
    """Delete the owner's rows that meet the condition, and add a tombstone for each, which the change feed reports."""
    last = advance_counter(owner_id, 0).value
    table = model.__tablename__
    version = last + func.row_number().over(order_by=model.id)
    deleted = select(model.owner_id, model.id, version, literal(now(), UtcDateTime()), literal(table.removesuffix("s")))
    tombstones = insert(Tombstone).from_select(
        ["owner_id", "id", "version", "deleted_at", "type"], deleted.where(model.owner_id == owner_id, condition)
    )
    db.session.execute(tombstones)
    new = select(Tombstone.id).where(Tombstone.owner_id == owner_id, Tombstone.version > last)
    deletion = delete(model).where(model.owner_id == owner_id, model.id.in_(new))
    count = _count(db.session.execute(deletion, execution_options=_NO_SYNC))
    counter = advance_counter(owner_id, count, tombstones=count, **counted(model.__tablename__, -count))
    if counter.tombstones > settings().max_tombstones:
        _purge_tombstones(owner_id, settings().max_tombstones * 9 // 10)
    db.session.expire_all()


def has_expired_rows(owner_id: UUID, before: datetime) -> bool:
    """Return whether a user has rows or tombstones that were deleted before an instant, or old stored responses."""
    found = _select_expired().one(reader(), {"owner_id": owner_id, "before": before, "stored": now() - LIFETIME})
    return bool(found["expired"])


def empty_trash(owner_id: UUID, before: datetime) -> int:
    """Purge the rows that a user deleted before an instant; return their number. Older cursors of the feed expire."""
    lock_owner(owner_id, 0)
    return sum(purge(model, owner_id, before) for model in purged_models())


def purge(model: type[Trashable | Tombstone], owner_id: UUID, before: datetime) -> int:
    """Delete the owner's rows that were deleted before an instant, without a tombstone; return their number.

    Cursors of the change feed that are older than the last of them expire.
    """
    old = (model.owner_id == owner_id, model.deleted_at < before)
    newest = db.session.execute(select(func.max(model.version)).where(*old)).scalar()
    if newest is None:
        return 0
    count = _count(db.session.execute(delete(model).where(*old), execution_options=_NO_SYNC))
    _count_purged(owner_id, newest, **counted(model.__tablename__, -count))
    return count


@cache
def purged_models() -> tuple[type[Trashable | Tombstone], ...]:
    """Return the models whose deleted rows are purged, each before those that it refers to."""
    models = {mapper.class_.__table__: mapper.class_ for mapper in Model.registry.mappers}
    tables = [table for table in reversed(Model.metadata.sorted_tables) if table in models]
    return tuple(models[table] for table in tables if issubclass(models[table], Trashable | Tombstone))


@cache
def _select_expired() -> PreparedStatement:
    owner_id: BindParameter[UUID] = bindparam("owner_id")
    conditions = [
        exists().where(model.owner_id == owner_id, model.deleted_at < bindparam("before")) for model in purged_models()
    ]
    stored = exists().where(StoredResponse.owner_id == owner_id, StoredResponse.created_at < bindparam("stored"))
    return PreparedStatement(select(or_(stored, *conditions).label("expired")))


def _purge_tombstones(owner_id: UUID, kept: int) -> None:
    """Delete the oldest tombstones of an owner, so that `kept` of them are left."""
    newest = select(Tombstone.version).where(Tombstone.owner_id == owner_id).order_by(Tombstone.version.desc())
    last = db.session.execute(newest.offset(kept).limit(1)).scalar_one()
    old = delete(Tombstone).where(Tombstone.owner_id == owner_id, Tombstone.version <= last)
    _count_purged(owner_id, last, tombstones=-_count(db.session.execute(old, execution_options=_NO_SYNC)))


def _count_purged(owner_id: UUID, version: int, **added: int) -> None:
    """Count purged rows, of which `version` is the highest version."""
    advance_counter(owner_id, 0, **added)
    counter = update(ChangeCounter).where(ChangeCounter.owner_id == owner_id, ChangeCounter.purged < version)
    db.session.execute(counter.values(purged=version))


def _count(result: Result[Any]) -> int:
    count: int = result.rowcount  # type: ignore[attr-defined]
    return count
