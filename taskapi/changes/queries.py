"""The feed of changes: one statement, and so one moment, in the order of the change numbers.

Nothing is missed: a writer takes its numbers under its owner's lock and holds it until it has committed, so that all
numbers below one that can be seen can be seen too.
"""

import re
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, cast, literal, null, select, union_all

from taskapi.api import problem
from taskapi.database import reader
from taskapi.labels.models import Label
from taskapi.labels.schemas import NAMES as LABEL_NAMES
from taskapi.owned import ChangeCounter, Tombstone
from taskapi.prepared import Prepared
from taskapi.projects.models import Project
from taskapi.projects.schemas import NAMES as PROJECT_NAMES
from taskapi.security.tokens import caller
from taskapi.tasks.models import Task
from taskapi.tasks.schemas import NAMES as TASK_NAMES

SHOWN: dict[str, tuple[Any, tuple[str, ...]]] = {
    "task": (Task, TASK_NAMES),
    "project": (Project, PROJECT_NAMES),
    "label": (Label, LABEL_NAMES),
}
COLUMNS = {name: getattr(model, name) for model, names in SHOWN.values() for name in names}
CURSOR = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?", re.ASCII)


class Position(NamedTuple):
    """How far a copy is: it has all changes up to `version`, and started when those up to `start` were forgotten."""

    version: int
    start: int

    def __str__(self) -> str:
        return str(self.version) if self.version >= self.start else f"{self.version}-{self.start}"


def find_changes(query: dict[str, Any]) -> dict[str, Any]:
    """Return the changes behind a cursor, or answer 410 where some of those are forgotten."""
    since = _position(query["since"]) if "since" in query else None
    limit = query["limit"]
    parameters = {"owner_id": caller().id, "since": since.version if since else 0, "rows": limit + 1}
    rows = [dict(zip(_CHANGES.names, row, strict=True)) for row in _CHANGES.all(reader(), parameters)]
    counter = _COUNTER.one(reader(), {"owner_id": caller().id})  # behind the rows: rather too late than early
    if since and (max(since) < counter["purged"] or since.version > counter["value"]):
        problem("cursor_expired")
    position = since or Position(0, counter["purged"])
    shown = rows[:limit]
    if shown:
        position = position._replace(version=shown[-1]["version"])
    return {"changes": [_change(row) for row in shown], "cursor": str(position), "has_more": len(rows) > limit}


def _position(cursor: str) -> Position:
    found = CURSOR.fullmatch(cursor) or problem("invalid_cursor")
    return Position(int(found[1]), int(found[2] or 0))


def _change(row: Any) -> dict[str, Any]:
    deleted = row["deleted_at"] is not None
    data = None if deleted else {name: row[name] for name in SHOWN[row["type"]][1]}
    return {"type": row["type"], "id": row["id"], "deleted": deleted, "data": data}


def _part(type_: Any, model: Any, names: tuple[str, ...]) -> Select[Any]:
    """Return one table's share, in the columns of all; it needs no more rows than the whole."""
    columns = [
        (getattr(model, name) if name in names else cast(null(), column.type)).label(name)
        for name, column in COLUMNS.items()
    ]
    behind = select(type_.label("type"), *columns).where(
        model.owner_id == bindparam("owner_id"), model.version > bindparam("since")
    )
    return select(behind.order_by(model.version).limit(bindparam("rows")).subquery())


_parts = [_part(literal(name), model, names) for name, (model, names) in SHOWN.items()]
_parts.append(_part(Tombstone.type, Tombstone, ("id", "version", "deleted_at")))
_CHANGES = Prepared(union_all(*_parts).order_by("version").limit(bindparam("rows")))
_COUNTER = Prepared(
    select(ChangeCounter.value, ChangeCounter.purged).where(ChangeCounter.owner_id == bindparam("owner_id"))
)
