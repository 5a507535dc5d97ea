"""A key's way through the ring: staged, signing, verifying, retired."""

import time
from typing import Final

from taskapi.security.keys.algorithms import Jwk, UnfitKeyError, default_alg, generate
from taskapi.security.keys.jwk import DESCRIPTIVE, State, Use, public_part, thumbprint

Members = list[Jwk]
SEAL_ALG: Final = "HS256"


def new_members(alg: str) -> Members:
    """Return the keys of a new ring: one that signs, and one that seals whatever becomes of the first."""
    return [member(generate(alg), State.SIGNING, alg=alg), new_seal()]


def new_seal() -> Jwk:
    """Return a new sealing key, in use."""
    return member(generate(SEAL_ALG), State.SIGNING, alg=SEAL_ALG, use=Use.SEAL)


def member(jwk: Jwk, state: State, *, alg: str | None = None, use: Use = Use.SIG) -> Jwk:
    """Return a key as it stands in a ring; the time of its last change of state is in Unix seconds."""
    described = {"kid": kid_of(jwk), "alg": alg or alg_of(jwk)}
    return {**described, "use": str(use), "state": str(state), "since": int(time.time()), **_bare(jwk)}


def find(members: Members, kid: str) -> Jwk:
    """Return the one key whose kid starts so. Raises UnfitKeyError."""
    found = [jwk for jwk in members if kid_of(jwk).startswith(kid)]
    if len(found) != 1:
        raise UnfitKeyError(f"has {len(found) or 'no'} keys whose kid starts with {kid!r}")
    return found[0]


def kid_of(jwk: Jwk) -> str:
    """Return the kid of a key, be it written or not."""
    return jwk.get("kid") or thumbprint(jwk)


def alg_of(jwk: Jwk) -> str:
    """Return the algorithm of a key, be it written or not."""
    return jwk.get("alg") or default_alg(jwk)


def add(members: Members, jwk: Jwk) -> Jwk:
    """Put a key in. Raises UnfitKeyError where it is there already."""
    if any(kid_of(other) == kid_of(jwk) for other in members):
        raise UnfitKeyError(f"has the key {kid_of(jwk)} already")
    members.append(jwk)
    return jwk


def stage(members: Members, alg: str, use: Use = Use.SIG) -> Jwk:
    """Put a new key in that does nothing yet but be known."""
    return add(members, member(generate(alg), State.STAGED, alg=alg, use=use))


def promote(members: Members, kid: str) -> Jwk:
    """Let a staged key sign; the one that signed before goes on verifying."""
    jwk = find(members, kid)
    if jwk["state"] != State.STAGED:
        raise UnfitKeyError(f"has the key {kid_of(jwk)} as {jwk.get('state')}; only a staged one is promoted")
    for other in members:
        if other["state"] == State.SIGNING and other.get("use", Use.SIG) == jwk.get("use", Use.SIG):
            _move(other, State.VERIFYING)
    return _move(jwk, State.SIGNING)


def retire(members: Members, kid: str) -> Jwk:
    """Let a key verify no more; what of it was secret is gone for good."""
    jwk = find(members, kid)
    if jwk["state"] not in {State.STAGED, State.VERIFYING}:
        raise UnfitKeyError(f"has the key {kid_of(jwk)} as {jwk.get('state')}; promote another first")
    return _retire(jwk)


def revoke(members: Members, kid: str) -> Jwk:
    """Retire a key whatever it does; if it signs, the staged one or a new one of its kind takes its place."""
    jwk = find(members, kid)
    if jwk["state"] == State.SIGNING:
        promote(members, kid_of(_successor(members, jwk)))
    return _retire(jwk)


def verify_only(members: Members) -> Members:
    """Return what an instance needs that verifies and does not sign: the public keys, and what seals."""
    public = [public_part(jwk) for jwk in members if jwk["kty"] != "oct" and jwk["state"] != State.RETIRED]
    for jwk in public:
        jwk["state"] = str(State.STAGED if jwk["state"] == State.STAGED else State.VERIFYING)
    return [*public, *(jwk for jwk in members if jwk.get("use") == Use.SEAL and jwk["state"] != State.RETIRED)]


def _successor(members: Members, jwk: Jwk) -> Jwk:
    use, alg = Use(jwk.get("use", Use.SIG)), alg_of(jwk)
    staged = [other for other in members if other["state"] == State.STAGED and other.get("use", Use.SIG) == use]
    return staged[0] if staged else stage(members, alg, use)


def _move(jwk: Jwk, state: State) -> Jwk:
    jwk.update(state=str(state), since=int(time.time()))
    return jwk


def _retire(jwk: Jwk) -> Jwk:
    kept = {"kid": kid_of(jwk), "alg": alg_of(jwk), **public_part(jwk)}
    jwk.clear()
    jwk.update(kept)
    return _move(jwk, State.RETIRED)


def _bare(jwk: Jwk) -> Jwk:
    return {name: value for name, value in jwk.items() if name not in DESCRIPTIVE}
