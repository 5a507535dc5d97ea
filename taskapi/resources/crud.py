"""List, get, create, update, delete and restore owned rows. The views of a resource call these, and commit."""

from contextlib import nullcontext
from datetime import datetime
from functools import cached_property, lru_cache, partial
from typing import Any, Generic, TypeVar
from uuid import UUID

from flask import Response
from marshmallow import Schema
from sqlalchemy import ColumnElement, Select, bindparam, inspect, select
from uuid_utils.compat import uuid7

from taskapi.api import require_match
from taskapi.api.responses import is_derived
from taskapi.database import JsonRow, PreparedJsonPage, PreparedJsonRow, db, now, reader
from taskapi.resources.idempotency import created_response
from taskapi.resources.models import Named, Owned, Trashable
from taskapi.resources.ownership import (
    counted,
    found_or_404,
    get_owned_or_404,
    lock_owner,
    refuse_in_trash,
    refuse_taken_name,
    reserve_quota,
    save,
)
from taskapi.resources.pagination import SortKey, find_page, next_link, select_page, slow_read
from taskapi.resources.trash import delete_permanently
from taskapi.security.tokens import caller

R = TypeVar("R", bound=Owned)


class Resource(Generic[R]):
    """One kind of owned rows, under a URL, as `schema` shows them. A subclass adds the side effects of changes."""

    def __init__(self, url: str, model: type[R], schema: Schema, sort: tuple[SortKey, ...]) -> None:
        if model.has_quota and not counted(model.__tablename__, 0):
            raise TypeError(f"{model.__name__} has no quota: add a column to ChangeCounter, or set has_quota = False")
        self.url = url
        self.model = model
        self.schema = schema
        self.sort = sort
        self._reading = slow_read if is_derived(schema) else nullcontext  # it counts tasks
        self._statement = lru_cache(self._build_page)

    def page(self, query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return a page of the caller's rows, and the Link header of the next page."""
        filters = {name: value for name, value in query.items() if name not in {"limit", "cursor"}}
        with self._reading():
            page = find_page(partial(self._statement, frozenset(filters)), self.sort, query, **filters)
        return page, next_link(page["next_cursor"])

    def get(self, row_id: UUID) -> JsonRow:
        """Return one of the caller's rows. Responds 404 if there is none."""
        with self._reading():
            return found_or_404(self._one.first(reader(), {"owner_id": caller().id, "id": row_id}))

    def create(self, values: dict[str, Any]) -> Response:
        """Add a row, and return the response that shows it. Responds 409 beyond the quota, or if the name is taken."""
        reserve_quota(self.model)
        row = self.model()
        row.owner_id, row.id = caller().id, uuid7()
        self.apply(row, values)
        save(row)
        if is_derived(self.schema):
            db.session.refresh(row)
        return created_response(row, self.schema, f"{self.url}/{row.id}")

    def lock(self, row_id: UUID) -> R:
        """Return one of the caller's rows to change it. Responds 404 if there is none, or 412 by If-Match."""
        row = get_owned_or_404(self.model, row_id)
        require_match(row, self.schema)
        return row

    def update(self, row_id: UUID, changes: dict[str, Any]) -> R:
        """Change a row, and return it. Responds 409 if it is in the trash, or if the name is taken."""
        row = self.lock(row_id)
        if isinstance(row, Trashable):
            refuse_in_trash(row)
        self.apply(row, changes)
        return self._saved(row)

    def delete(self, row_id: UUID, *, permanent: bool = False) -> None:
        """Move a row to the trash; delete it permanently with `permanent`, or if the model has no trash."""
        row = self.lock(row_id)
        if not isinstance(row, Trashable):
            if counts := counted(self.model.__tablename__, -1):
                lock_owner(row.owner_id, 0, **counts)
            db.session.delete(row)
            db.session.flush()
        elif permanent:
            self.before_permanent_deletion(row)
            delete_permanently(self.model, row.owner_id, self.model.id == row_id)
        elif row.deleted_at is None:
            row.deleted_at = moment = now()
            save(row)
            self.after_trash(row, moment)

    def restore(self, row_id: UUID, changes: dict[str, Any]) -> R:
        """Restore a row from the trash, and return it. `changes` may have a new name; 409 if the name is taken."""
        row = self.lock(row_id)
        if not isinstance(row, Trashable) or row.deleted_at is None:
            return row
        name = {"name": row.name} if isinstance(row, Named) else {}
        self.apply(row, {**name, **changes, "deleted_at": None})
        save(row)
        self.after_restore(row)
        return self._saved(row)

    def apply(self, row: R, changes: dict[str, Any]) -> None:
        """Set the fields that `changes` names. Responds 409 if the name is taken."""
        if isinstance(row, Named) and "name" in changes:
            refuse_taken_name(type(row), changes["name"], but=row.id)
        row.apply(changes)

    def conditions(self, filters: frozenset[str]) -> list[ColumnElement[bool]]:
        """Return the conditions of a list under these filters, whose values are parameters of the same names."""
        if not issubclass(self.model, Trashable):
            return []
        return [self.model.deleted_at.is_not(None) if "deleted" in filters else self.model.deleted_at.is_(None)]

    def after_trash(self, row: R, moment: datetime) -> None:
        """Apply the side effects after a row was moved to the trash at `moment`."""

    def after_restore(self, row: R) -> None:
        """Apply the side effects after a row was restored."""

    def before_permanent_deletion(self, row: R) -> None:
        """Apply the side effects before a row is deleted permanently."""

    def _saved(self, row: R) -> R:
        save(row)
        if inspect(row).expired_attributes:
            db.session.refresh(row)
        return row

    @cached_property
    def _one(self) -> PreparedJsonRow:
        return PreparedJsonRow(self._select().where(self.model.id == bindparam("id")))

    def _build_page(self, filters: frozenset[str], after: bool) -> PreparedJsonPage:
        return select_page(self._select().where(*self.conditions(filters)), self.sort, after=after)

    def _select(self) -> Select[Any]:
        columns = (getattr(self.model, name).label(name) for name in self.schema.dump_fields)
        return select(*columns).where(self.model.owner_id == bindparam("owner_id"))
