"""Owned rows: their key starts with their owner, and each change of them takes the owner's next change number."""

from taskapi.owned.bulk import bury, change_all, forget
from taskapi.owned.numbers import advance, lock_owner, take_number
from taskapi.owned.rows import ChangeCounter, Named, Owned, Tombstone, Trashable, name_key

__all__ = [
    "ChangeCounter", "Named", "Owned", "Tombstone", "Trashable", "advance", "bury", "change_all", "forget",
    "lock_owner", "name_key", "take_number",
]  # fmt: skip
