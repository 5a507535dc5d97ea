"""Reads whose time depends on how many tasks a user has: few of them run at once."""

from contextlib import AbstractContextManager, nullcontext
from typing import Final

from sqlalchemy import bindparam, select

from taskapi.database import PreparedStatement, reader
from taskapi.resources.models import ChangeCounter
from taskapi.security.rate_limit import Kind, slow_requests
from taskapi.security.tokens import caller

FEW_TASKS: Final = 500  # up to which no read is slow, and SQLite indexes no words; the first revision has the trigger
_COUNT = PreparedStatement(select(ChangeCounter.tasks).where(ChangeCounter.owner_id == bindparam("owner_id")))


def slow_read() -> AbstractContextManager[None]:
    """Return a block that may read all tasks of the caller. Entering it responds 503 if too many such blocks run.

    Users with few tasks always enter it, so that users with many cannot keep them out.
    """
    return slow_requests().hold(Kind.READ) if has_many_tasks() else nullcontext()


def has_many_tasks() -> bool:
    """Tell whether the caller has so many tasks that reading all of them takes long."""
    count: int = _COUNT.one(reader(), {"owner_id": caller().id})["tasks"]
    return count > FEW_TASKS
