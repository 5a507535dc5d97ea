# ruff: noqa: RUF001 - this module is about characters that look alike
"""Search in titles and descriptions: what text is folded to, and which words a query asks for.

`fold` maps each character by itself, so that a part of a text folds to a part of the folded text. Folded text has no
ASCII capitals: LIKE, which ignores their case on SQLite, then finds the same on every database.
"""

import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any, Final
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy.exc import OperationalError

from taskapi.api import problem
from taskapi.api.fields import Text
from taskapi.database import read_within

MAX_QUERY_LENGTH: Final = 200
MAX_WORDS: Final = 10
MAX_RUNNING: Final = 2  # searches of one user in one process; each keeps a thread and a connection busy
SEARCH_SECONDS = 2.0
MAX_FOLDED_LENGTH: Final = 60_000  # three times the longest description, which is what Korean text folds to
NOTHING_TO_FIND: Final = "Must have a character to search for. Spaces, accents and invisible characters do not count."
_PIECE: Final = 2_000
_APOSTROPHES: Final = "\"'`´‘’‚‛“”„‟‹›«»′″‴ʹʺʻʼʽʾʿˈˊˋ׳״\u1ffd\u1fef"
_HYPHENS: Final = "‐‑‒–—―−"
_LETTERS: Final = {
    "æ": "ae", "œ": "oe", "þ": "th", "ŋ": "n", "ı": "i", "ȷ": "j", "ĸ": "k", "ə": "e", "ǝ": "e", "ɛ": "e", "ɔ": "o",
    "ƒ": "f", "ɣ": "g", "ʋ": "v", "ʃ": "s", "ʒ": "z", "ƿ": "w", "ȝ": "y", "ƣ": "gh", "ȣ": "ou", "ꜳ": "aa", "ꜵ": "ao",
    "ꜷ": "au", "ꜹ": "av", "ꜻ": "av", "ꜽ": "ay", "ꝏ": "oo", "ᵫ": "ue", "ꝡ": "vy", "ɶ": "oe",
    **dict.fromkeys("ⱥᶏɑ", "a"), **dict.fromkeys("ƀɓƃ", "b"), **dict.fromkeys("ȼƈ", "c"),
    **dict.fromkeys("đðɖɗƌȡ", "d"), **dict.fromkeys("ɇ", "e"), **dict.fromkeys("ǥɠ", "g"), **dict.fromkeys("ħⱨɦ", "h"),
    **dict.fromkeys("ɨɩ", "i"), **dict.fromkeys("ɉʝ", "j"), **dict.fromkeys("ƙⱪꝁ", "k"),
    **dict.fromkeys("łƚⱡɫɬȴ", "l"), **dict.fromkeys("ɱ", "m"), **dict.fromkeys("ɲƞȵ", "n"), **dict.fromkeys("øɵ", "o"),
    **dict.fromkeys("ᵽƥ", "p"), **dict.fromkeys("ʠɋ", "q"), **dict.fromkeys("ɍɽ", "r"), **dict.fromkeys("ȿʂ", "s"),
    **dict.fromkeys("ŧƭʈⱦ", "t"), **dict.fromkeys("ʉ", "u"), **dict.fromkeys("ⱳ", "w"), **dict.fromkeys("ɏƴ", "y"),
    **dict.fromkeys("ƶȥɀ", "z"),
    **dict.fromkeys(_APOSTROPHES, "'"), **dict.fromkeys(_HYPHENS, "-"),
}  # fmt: skip


_TABLE: Final = str.maketrans(_LETTERS)


def fold(text: str) -> str:
    """Return text without case, accents and invisible characters, and with the letters and signs that people type."""
    if text.isascii():
        return text.lower().replace('"', "'").replace("`", "'")
    return text.translate({ord(each): _fold_character(each) for each in set(text)})


@lru_cache(maxsize=8192)
def _fold_character(character: str) -> str:
    """Return what one character folds to. A whole text is not normalized: that is quadratic in a run of accents."""
    # Case is folded between two decompositions: "™" decomposes to capitals
    decomposed = unicodedata.normalize("NFKD", character.translate(_TABLE)).casefold()
    parts = unicodedata.normalize("NFKD", decomposed).translate(_TABLE)
    return "".join(part for part in parts if not _is_mark(part))


def _is_mark(character: str) -> bool:
    """Tell whether a character is an accent, a variation selector, or invisible as the soft hyphen is."""
    return (
        unicodedata.combining(character) != 0
        or unicodedata.category(character) == "Cf"
        or "\ufe00" <= character <= "\ufe0f"
    )


def folded_text(title_key: str, description: str) -> str:
    """Return what a task with this folded title is searched by."""
    folded = f"{title_key}\n"
    for start in range(0, len(description), _PIECE):  # one character may become 18: stop when there is enough
        folded += fold(description[start : start + _PIECE])
        if len(folded) >= MAX_FOLDED_LENGTH:
            break
    return folded[:MAX_FOLDED_LENGTH]


def words_of(query: str) -> list[str]:
    """Return the folded words of a query. A word that is part of another one is implied by it, and left out."""
    words = [*dict.fromkeys(fold(query).split())]
    return [word for word in words if not any(word in other for other in words if other != word)]


class SearchWords(Text):
    """Words to search for."""

    def __init__(self) -> None:
        description = (
            f"All of these words occur in title or description, at any place in them. At most {MAX_WORDS} words. Case, "
            "accents and kinds of quotation marks make no difference, and ł, ø, đ, ß or æ match l, o, d, ss or ae. "
            f"Search reads the first {MAX_FOLDED_LENGTH:,} characters of a task, counted after decomposition. A user "
            f"may run {MAX_RUNNING} searches at once on each server process (429 otherwise). A search that takes "
            f"longer than {SEARCH_SECONDS:g} s is stopped (503)."
        )
        super().__init__(1, MAX_QUERY_LENGTH, metadata={"description": description})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if len(text) <= MAX_QUERY_LENGTH:
            words = words_of(text)
            if not words:
                raise ValidationError(NOTHING_TO_FIND)
            if len(words) > MAX_WORDS:
                raise ValidationError(f"Must have at most {MAX_WORDS} words.")
        return text


_running: Final = Counter[UUID]()
_running_lock: Final = Lock()


@contextmanager
def limited_search(user_id: UUID) -> Iterator[None]:
    """Run a search of a user's tasks: respond 429 where too many run already, and 503 where it takes too long."""
    with _running_lock:
        if _running[user_id] >= MAX_RUNNING:
            problem("too_many_requests", f"At most {MAX_RUNNING} searches run at once.", headers={"Retry-After": "1"})
        _running[user_id] += 1
    started = time.monotonic()
    try:
        with read_within(SEARCH_SECONDS):
            yield
    except OperationalError:
        if time.monotonic() - started < SEARCH_SECONDS:
            raise
        problem("unavailable", f"The search took longer than {SEARCH_SECONDS:g} s. Search for longer words, or filter.")
    finally:
        with _running_lock:
            _running[user_id] -= 1
            if not _running[user_id]:
                del _running[user_id]
