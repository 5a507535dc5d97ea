"""Move a task within its group: the tasks of the same project and parent."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select

from taskapi.api import invalid
from taskapi.database import db
from taskapi.extensions.order.positions import MAX_DIGITS, position_after, position_before, positions_between
from taskapi.resources.ownership import is_owned, refuse_in_trash, save
from taskapi.tasks.models import Task

ROWS_AT_ONCE: Final = 32  # on each side of a place without room


def place_task(task: Task, place: dict[str, UUID]) -> None:
    """Move a locked task directly `after` or `before` another task of its group. Responds 422 if there is none.

    The positions of tasks in the trash count too, so that a restored task has its own. The owner is locked, so nobody
    else changes the order meanwhile.
    """
    refuse_in_trash(task)
    ((side, anchor_id),) = place.items()
    if anchor_id == task.id:
        return
    live = and_(_group(task), Task.deleted_at.is_(None))
    anchor = db.session.scalar(select(Task.position).where(live, Task.id == anchor_id))
    if anchor is None:
        invalid("json", {side: ["Must be another task of the same project and parent."]})
    down = side == "after"
    if db.session.scalar(_nearest(Task.id, live, anchor, down=down).limit(1)) == task.id:
        return
    others = and_(_group(task), Task.id != task.id)
    beyond = db.session.scalar(_nearest(Task.position, others, anchor, down=down).limit(1))
    low, high = (anchor, beyond) if down else (beyond, anchor)
    if position := _position(low, high):
        task.position = position
        save(task)
    else:
        _make_room(task, others, anchor, down=down)


def _position(low: str | None, high: str | None) -> str | None:
    """Return a position between two others, where None is an end of the group; None if there is no room."""
    if low is None or high is None:
        return position_after(low) if low else position_before(high or "")
    return next(iter(positions_between(low, high, 1)), None)


def _make_room(task: Task, others: ColumnElement[bool], anchor: str, *, down: bool) -> None:
    """Move a task next to a position, and distribute the nearest tasks evenly: more of them until digits are few."""
    rows: list[Task] = []
    positions: list[str] = []
    count = ROWS_AT_ONCE
    while not positions:
        above = [*db.session.scalars(_nearest(Task, others, anchor, down=False, inclusive=down).limit(count + 1))][::-1]
        below = [*db.session.scalars(_nearest(Task, others, anchor, down=True, inclusive=not down).limit(count + 1))]
        low = above.pop(0).position if len(above) > count else position_before(above[0].position)
        high = below.pop().position if len(below) > count else position_after(below[-1].position)
        rows = [*above, task, *below]
        positions = positions_between(low, high, len(rows), MAX_DIGITS // 2)
        count *= 4
    for row, position in zip(rows, positions, strict=True):
        row.position = position
    save(*rows)


def _nearest(shown: Any, group: ColumnElement[bool], position: str, *, down: bool, inclusive: bool = False) -> Any:
    """Select the tasks of a group after a position, or before it, the nearest first."""
    if down:
        beyond = Task.position >= position if inclusive else Task.position > position
        return select(shown).where(group, beyond).order_by(Task.position)
    beyond = Task.position <= position if inclusive else Task.position < position
    return select(shown).where(group, beyond).order_by(Task.position.desc())


def _group(task: Task) -> ColumnElement[bool]:
    return and_(is_owned(Task), Task.parent_id == task.parent_id, Task.project_id == task.project_id)
