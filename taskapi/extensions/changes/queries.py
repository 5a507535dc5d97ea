"""The change feed: one statement, and so one snapshot, in the order of the version numbers.

No change is missed: a transaction takes its version numbers while it holds its owner's lock, and keeps the lock until
it has committed. So a reader that sees a version sees all lower versions too.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, case, literal, null, or_, select, union_all

from taskapi.api import problem
from taskapi.database import ROWS, JsonObject, PreparedJsonPage, PreparedStatement, reader
from taskapi.labels.models import Label
from taskapi.labels.schemas import NAMES as LABEL_NAMES
from taskapi.projects.models import Project
from taskapi.projects.schemas import NAMES as PROJECT_NAMES
from taskapi.resources.models import ChangeCounter, Tombstone
from taskapi.resources.pagination import slow_read
from taskapi.security.tokens import caller
from taskapi.tasks.models import Task
from taskapi.tasks.schemas import NAMES as TASK_NAMES

SHOWN: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    ("task", Task, TASK_NAMES),
    ("project", Project, PROJECT_NAMES),
    ("label", Label, LABEL_NAMES),
)
NOW = "now"
CURSOR = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?", re.ASCII)
_COUNTER = PreparedStatement(
    select(ChangeCounter.value, ChangeCounter.purged).where(ChangeCounter.owner_id == bindparam("owner_id"))
)


class Position(NamedTuple):
    """The position of a copy: all changes up to `version`. Those up to `start` were purged before it began."""

    version: int
    start: int

    def __str__(self) -> str:
        return str(self.version) if self.version >= self.start else f"{self.version}-{self.start}"


def find_changes(query: dict[str, Any]) -> dict[str, Any]:
    """Return the changes after a cursor, or respond 410 if some of them are purged. After `now` there are none."""
    if query.get("since") == NOW:
        counter = _COUNTER.one(reader(), {"owner_id": caller().id})
        return {"changes": [], "cursor": str(counter["value"]), "has_more": False}
    since = _position(query["since"]) if "since" in query else None
    limit = query["limit"]
    parameters = {"owner_id": caller().id, "since": since.version if since else 0}
    with slow_read():  # a project or label shows the number of its tasks
        page = _changes().page(reader(), parameters, limit)
    counter = _COUNTER.one(reader(), {"owner_id": caller().id})  # after the rows, to notice a purge meanwhile
    if since and (max(since) < counter["purged"] or since.version > counter["value"]):
        problem("cursor_expired")
    position = since or Position(0, counter["purged"])
    if page.last:
        position = position._replace(version=int(page.last))
    return {"changes": page.items, "cursor": str(position), "has_more": page.more}


def _position(cursor: str) -> Position:
    found = CURSOR.fullmatch(cursor) or problem("invalid_cursor")
    return Position(int(found[1]), int(found[2] or 0))


@lru_cache
def _changes() -> PreparedJsonPage:
    parts = [_part(literal(name), model, _shown(model, names)) for name, model, names in SHOWN]
    parts.append(_part(Tombstone.type, Tombstone, null()))
    changes = union_all(*parts).order_by("version").limit(ROWS).subquery()
    return PreparedJsonPage(changes.c.change, changes.c.version)


def _part(type_: Any, model: Any, data: ColumnElement[Any]) -> Select[Any]:
    """Return the changes of one table, at most as many as the whole page has. Rows in the trash count as deleted."""
    change = JsonObject(
        type_.label("type"), model.id.label("id"), (model.deleted_at.is_not(None)).label("deleted"), data.label("data")
    )
    behind = select(change.label("change"), model.version.label("version")).where(
        model.owner_id == bindparam("owner_id"), model.version > bindparam("since")
    )
    if model is Tombstone:
        behind = behind.where(or_(*(Tombstone.type == name for name, *_ in SHOWN)))
    return select(behind.order_by(model.version).limit(ROWS).subquery())


def _shown(model: Any, names: tuple[str, ...]) -> ColumnElement[Any]:
    row = JsonObject(*(getattr(model, name).label(name) for name in names))
    return case((model.deleted_at.is_(None), row))
