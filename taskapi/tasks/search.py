"""Search in titles and descriptions: the words of a query, and the limits of a search."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy.exc import OperationalError

from taskapi.api import problem
from taskapi.api.concurrency import ConcurrencyLimit
from taskapi.api.fields import Text
from taskapi.database import read_timeout
from taskapi.database.types import fold
from taskapi.tasks.models import MAX_FOLDED_LENGTH

MAX_QUERY_LENGTH: Final = 200
MAX_WORDS: Final = 10
MAX_RUNNING: Final = 2  # searches of one user in one process; each keeps a thread and a connection busy
SEARCH_SECONDS = 2.0
NOTHING_TO_FIND: Final = "Must have a character to search for. Spaces, accents and invisible characters do not count."


def words_of(query: str) -> list[str]:
    """Return the folded words of a query, without words that are part of another one."""
    words = [*dict.fromkeys(fold(query).split())]
    return [word for word in words if not any(word in other for other in words if other != word)]


class SearchWords(Text):
    """Words to search for."""

    def __init__(self) -> None:
        description = (
            f"All of these words occur in the title or the description, also as part of a word. At most {MAX_WORDS} "
            "words. Case, accents and kinds of quotation marks make no difference; ł, ø, đ, ß or æ match l, o, d, ss "
            "or ae. "
            f"Search reads the first {MAX_FOLDED_LENGTH:,} characters of a task, counted after decomposition. A user "
            f"may run {MAX_RUNNING} searches at once on each server process (429 otherwise). A search that takes "
            f"longer than {SEARCH_SECONDS:g} s is stopped (503)."
        )
        super().__init__(1, MAX_QUERY_LENGTH, metadata={"description": description, "example": "plants water"})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if len(text) <= MAX_QUERY_LENGTH:
            words = words_of(text)
            if not words:
                raise ValidationError(NOTHING_TO_FIND)
            if len(words) > MAX_WORDS:
                raise ValidationError(f"Must have at most {MAX_WORDS} words.")
        return text


SEARCHES: Final = ConcurrencyLimit("searches", per_user=MAX_RUNNING)


@contextmanager
def limited_search(user_id: UUID) -> Iterator[None]:
    """Run a search of a user's tasks: respond 429 if too many run already, and 503 if it takes too long."""
    started = time.monotonic()
    try:
        with SEARCHES.hold(user_id), read_timeout(SEARCH_SECONDS):
            yield
    except OperationalError:
        if time.monotonic() - started < SEARCH_SECONDS:
            raise
        problem("unavailable", f"The search took longer than {SEARCH_SECONDS:g} s. Search for longer words, or filter.")
