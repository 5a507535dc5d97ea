"""The strength of a password, judged by zxcvbn within a bounded time.

zxcvbn reads a password once for every way to undo its l33t substitutions ("p4$$" is "pass"). The number of ways grows
exponentially with the number of different symbols: 72 characters took 2 to 5 s of CPU with the GIL held. Therefore
zxcvbn reads only the longest start of the password that has an acceptable cost. Whoever cannot guess the start cannot
guess the whole.
"""

from threading import Lock
from typing import Final

from zxcvbn import zxcvbn

MIN_READ: Final = 12  # characters; the cost is bounded without regard to the symbols
MAX_READ: Final = 40
MAX_COST: Final = 16_000  # of `_cost`; about 15 ms
SUBSTITUTIONS: Final = {  # as in zxcvbn, in its order
    "a": "4@", "b": "8", "c": "({[<", "e": "3", "g": "69", "i": "1!|", "l": "1|7", "o": "0", "s": "$5", "t": "+7",
    "x": "%", "z": "2",
}  # fmt: skip
_lock = Lock()  # zxcvbn keeps the user's own words in a dictionary that all threads share


def advice_against(password: str, own_words: list[str]) -> list[str] | None:
    """Return what would make a password harder to guess, or None where it is good enough (a score of at least 2)."""
    with _lock:
        report = zxcvbn(password[: characters_to_read(password)], user_inputs=own_words)
    if report["score"] >= 2:
        return None
    feedback = report["feedback"]
    return [advice for advice in (feedback["warning"], *feedback["suggestions"]) if advice]


def characters_to_read(password: str) -> int:
    """Return how many characters from the start zxcvbn can read at an acceptable cost."""
    longest = min(len(password), MAX_READ)
    return next((end for end in range(longest, MIN_READ, -1) if _cost(password[:end]) <= MAX_COST), MIN_READ)


def _cost(password: str) -> int:
    """Return the number of substrings that zxcvbn looks up in each of its dictionaries, at most.

    It looks them up for the password, for its reverse, and for each way to undo the substitutions.
    """
    symbols = set(password)
    seen: set[str] = set()
    ways = 1
    for substitutes in SUBSTITUTIONS.values():
        used = symbols.intersection(substitutes)
        if used:
            ways *= sum(2 if symbol in seen else 1 for symbol in used)  # one that two letters share is tried as both
            seen |= used
    return (2 + ways) * len(password) ** 2
