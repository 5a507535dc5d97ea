# ruff: noqa: RUF001 - this module is about characters that look alike
"""Fold text for search: without case and accents, and with characters that a keyboard has.

Each character is folded by itself, so that a part of a text folds to a part of the folded text. Folded text has no
ASCII capitals. LIKE ignores their case on SQLite only, so it finds the same on every database.
"""

import unicodedata
from functools import lru_cache
from typing import Final

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
    """Return text without case, accents and invisible characters, and with characters that a keyboard has."""
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
