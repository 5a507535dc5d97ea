"""Ring files: only their owner may read them; they are written whole or not at all, and by one writer at a time."""

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from taskapi.security.keys.algorithms import Jwk, UnfitKeyError
from taskapi.security.keys.ring import members_of, read_ring

MODE = 0o600


def create(path: Path, members: list[Jwk]) -> None:
    """Write a new file; one that another process wrote first stays."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    write_new(draft, members)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def write_new(path: Path, members: list[Jwk]) -> None:
    """Write a file that is not there yet; FileExistsError where it is."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w", encoding="utf-8") as file:
        file.write(to_text(members))
        file.flush()
        os.fsync(file.fileno())


def rewrite(path: Path, change: Callable[[list[Jwk]], Jwk]) -> Jwk:
    """Change the keys of a ring file, and return the key that it was about.

    Raises UnfitKeyError where no ring would come out, where another writer is at it, and where it changed meanwhile.
    """
    path = path.resolve()
    before = path.read_bytes()
    members = members_of(before)
    changed = change(members)
    read_ring(to_text(members))
    _replace(path, before, members)
    return changed


def to_text(members: list[Jwk]) -> str:
    """Return keys as a JWK Set."""
    return json.dumps({"keys": members}, indent=2) + "\n"


def _replace(path: Path, before: bytes, members: list[Jwk]) -> None:
    draft = path.with_name(f"{path.name}.new")
    try:
        write_new(draft, members)
    except FileExistsError:
        raise UnfitKeyError(f"is being changed by another; where it is not, remove {draft}") from None
    try:
        _keep_owner(path, draft)
        if path.read_bytes() != before:
            raise UnfitKeyError("was changed meanwhile; look at it, and do it again")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _keep_owner(path: Path, draft: Path) -> None:
    """Leave the file to whose it was: root may turn the keys of a service that runs as another."""
    if hasattr(os, "chown"):
        status = path.stat()
        os.chown(draft, status.st_uid, status.st_gid)
