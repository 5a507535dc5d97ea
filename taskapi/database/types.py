# ruff: noqa: RUF001 - folding is about characters that look alike
"""Types, expressions and the folding of text that mean the same on SQLite and PostgreSQL."""

import unicodedata
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, JSON, Dialect, String, Text, Uuid, text
from sqlalchemy import DateTime as SqlDateTime
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

CODE_POINT_TEXT = Text().with_variant(Text(collation="C"), "postgresql")  # sorts by code point, as SQLite does
INTERNAL = {"internal": True}  # a column's info: derived for an index, so no personal data of its owner
NO_RLS = {"row_security": False}  # an owned table's info: it has no policy
TEXT_LIST: TypeEngine[list[str]] = JSON[list[str]]().with_variant(ARRAY(Text), "postgresql")
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


class Id(TypeDecorator[UUID]):
    """A UUID. SQLite has no such type and stores the text that the API shows.

    SQLite's driver converts the parameters of statements (see `sqlite.py`): faster than a function of ours.
    """

    impl = Uuid
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type in the database."""
        return String(36) if dialect.name == "sqlite" else Uuid()

    def process_literal_param(self, value: UUID | None, dialect: Dialect) -> Any:
        """Return the value that is rendered in SQL, as in a default of a column."""
        return str(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: UUID | str | None, _dialect: Dialect) -> UUID | None:
        """Return the UUID that was stored."""
        return UUID(value) if isinstance(value, str) else value


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, in UTC on every database. A naive one raises ValueError.

    SQLite stores text: the API's format, but always with six digits of the second, so that the text sorts by time.
    """

    impl = SqlDateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type in the database."""
        return String(27) if dialect.name == "sqlite" else SqlDateTime(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        """Return the value that is stored, in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs an offset")
        value = value.astimezone(UTC)
        return f"{value.isoformat('T', 'microseconds')[:26]}Z" if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | str | None, _dialect: Dialect) -> datetime | None:
        """Return the instant that was stored, in UTC."""
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


class NameList(FunctionElement[list[str]]):
    """The rows of a scalar subselect, whose column is called `name`, as a list in their order."""

    type: TypeEngine[list[str]] = TEXT_LIST
    inherit_cache = True


@compiles(NameList, "sqlite")
def _name_list(element: NameList, compiler: Any, **options: Any) -> str:
    names = compiler.process(element.clauses, **options)
    return f"(SELECT json_group_array(name) FROM {names})"  # noqa: S608 - compiled, with its parameters bound


@compiles(NameList, "postgresql")
def _name_array(element: NameList, compiler: Any, **options: Any) -> str:
    return f"ARRAY{compiler.process(element.clauses, **options)}"


def json_text(value: Any) -> str:
    """Return a value of a JSON column as the text that is stored."""
    return orjson.dumps(value).decode()


def partial_index(condition: str) -> dict[str, Any]:
    """Return the options of an index that holds only the rows that meet the condition."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def fold(text: str) -> str:
    """Return text for search: without case, accents and invisible characters, and with characters of a keyboard.

    Each character is folded by itself, so that a part of a text folds to a part of the folded text. Folded text has no
    ASCII capitals. LIKE ignores their case on SQLite only, so it finds the same on every database.
    """
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
    """Tell whether a character is an accent, a variation selector, or invisible, such as the soft hyphen."""
    return (
        unicodedata.combining(character) != 0
        or unicodedata.category(character) == "Cf"
        or "\ufe00" <= character <= "\ufe0f"
    )
