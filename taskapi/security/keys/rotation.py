"""Key rotation: stage, promote, retire and revoke keys, and write key set files.

Only the owner of a file can read it. A file is written completely or not at all, by one writer at a time.
"""

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from taskapi.security.keys.key import (
    METADATA,
    InvalidKeyError,
    Jwk,
    State,
    Use,
    default_alg,
    generate_key,
    public_part,
    thumbprint,
)
from taskapi.security.keys.key_set import format_members, parse_key_set, parse_members

Members = list[Jwk]
SEAL_ALG: Final = "HS256"
MODE: Final = 0o600


def new_members(alg: str) -> Members:
    """Return the keys of a new key set: one that signs, and a sealing key, which is not rotated with it."""
    return [new_member(generate_key(alg), State.SIGNING, alg=alg), new_sealing_key()]


def new_sealing_key() -> Jwk:
    """Return a new sealing key, in use."""
    return new_member(generate_key(SEAL_ALG), State.SIGNING, alg=SEAL_ALG, use=Use.SEAL)


def new_member(jwk: Jwk, state: State, *, alg: str | None = None, use: Use = Use.SIG) -> Jwk:
    """Return a key as a member of a key set. `since` is the time of its last change of state, in Unix seconds."""
    metadata = {"kid": kid_of(jwk), "alg": alg or alg_of(jwk)}
    material = {name: value for name, value in jwk.items() if name not in METADATA}
    return {**metadata, "use": str(use), "state": str(state), "since": int(time.time()), **material}


def kid_of(jwk: Jwk) -> str:
    """Return the kid of a key; its thumbprint if it has none."""
    return jwk.get("kid") or thumbprint(jwk)


def alg_of(jwk: Jwk) -> str:
    """Return the algorithm of a key; the first that can use it if it names none."""
    return jwk.get("alg") or default_alg(jwk)


def find_key(members: Members, kid: str) -> Jwk:
    """Return the only key whose kid starts with `kid`. Raises InvalidKeyError."""
    found = [jwk for jwk in members if kid_of(jwk).startswith(kid)]
    if len(found) != 1:
        raise InvalidKeyError(f"has {len(found) or 'no'} keys whose kid starts with {kid!r}")
    return found[0]


def add_key(members: Members, jwk: Jwk) -> Jwk:
    """Add a key. Raises InvalidKeyError if the key set has it already."""
    if any(kid_of(other) == kid_of(jwk) for other in members):
        raise InvalidKeyError(f"has the key {kid_of(jwk)} already")
    members.append(jwk)
    return jwk


def stage_key(members: Members, alg: str, use: Use = Use.SIG) -> Jwk:
    """Add a new key that is published and verifies, but does not sign yet."""
    return add_key(members, new_member(generate_key(alg), State.STAGED, alg=alg, use=use))


def promote_key(members: Members, kid: str) -> Jwk:
    """Let a staged key sign. The key that signed before keeps verifying."""
    jwk = find_key(members, kid)
    if jwk["state"] != State.STAGED:
        raise InvalidKeyError(f"has the key {kid_of(jwk)} as {jwk.get('state')}; only a staged one is promoted")
    for other in members:
        if other["state"] == State.SIGNING and other.get("use", Use.SIG) == jwk.get("use", Use.SIG):
            _set_state(other, State.VERIFYING)
    return _set_state(jwk, State.SIGNING)


def retire_key(members: Members, kid: str) -> Jwk:
    """Retire a key, and erase its secret part."""
    jwk = find_key(members, kid)
    if jwk["state"] not in {State.STAGED, State.VERIFYING}:
        raise InvalidKeyError(f"has the key {kid_of(jwk)} as {jwk.get('state')}; promote another first")
    return _retire(jwk)


def revoke_key(members: Members, kid: str) -> Jwk:
    """Retire a key in any state. If it signs, the staged key or a new key of its kind signs from now on."""
    jwk = find_key(members, kid)
    if jwk["state"] == State.SIGNING:
        use = Use(jwk.get("use", Use.SIG))
        staged = [other for other in members if other["state"] == State.STAGED and other.get("use", Use.SIG) == use]
        promote_key(members, kid_of(staged[0] if staged else stage_key(members, alg_of(jwk), use)))
    return _retire(jwk)


def verify_only_members(members: Members) -> Members:
    """Return the keys for an instance that verifies and does not sign: the public keys, and the sealing keys."""
    public = [public_part(jwk) for jwk in members if jwk["kty"] != "oct" and jwk["state"] != State.RETIRED]
    for jwk in public:
        jwk["state"] = str(State.STAGED if jwk["state"] == State.STAGED else State.VERIFYING)
    return [*public, *(jwk for jwk in members if jwk.get("use") == Use.SEAL and jwk["state"] != State.RETIRED)]


def _set_state(jwk: Jwk, state: State) -> Jwk:
    jwk.update(state=str(state), since=int(time.time()))
    return jwk


def _retire(jwk: Jwk) -> Jwk:
    kept = {"kid": kid_of(jwk), "alg": alg_of(jwk), **public_part(jwk)}
    jwk.clear()
    jwk.update(kept)
    return _set_state(jwk, State.RETIRED)


def create_file(path: Path, members: Members) -> None:
    """Write a new key set file; keep the file if another process created it first."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    write_new_file(draft, members)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def write_new_file(path: Path, members: Members) -> None:
    """Write a file that does not exist. Raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w", encoding="utf-8") as file:
        file.write(format_members(members))
        file.flush()
        os.fsync(file.fileno())


def rewrite_file(path: Path, change: Callable[[Members], Jwk]) -> Jwk:
    """Change the keys of a file, and return the key that `change` returns.

    Raises InvalidKeyError if the result is not a key set, another process is writing, or the file changed meanwhile.
    """
    path = path.resolve()
    before = path.read_bytes()
    members = parse_members(before)
    changed = change(members)
    parse_key_set(format_members(members))
    draft = path.with_name(f"{path.name}.new")
    try:
        write_new_file(draft, members)
    except FileExistsError:
        raise InvalidKeyError(f"is being changed by another process; if it is not, remove {draft}") from None
    try:
        if hasattr(os, "chown"):  # root may rotate the keys of a service that runs as another user
            status = path.stat()
            os.chown(draft, status.st_uid, status.st_gid)
        if path.read_bytes() != before:
            raise InvalidKeyError("was changed meanwhile; check it and try again")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return changed
