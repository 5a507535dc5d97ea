"""Changing the key set from the command line: not too early, told in a line, and written in the audit log."""

from collections.abc import Callable
from time import time

import click

from taskapi.audit import Event, record
from taskapi.config import settings
from taskapi.database import db
from taskapi.security.keys import InvalidKeyError, key_reloader, rotation
from taskapi.security.keys.jwks import MAX_AGE
from taskapi.security.keys.key import Jwk
from taskapi.security.keys.key_set import parse_members
from taskapi.security.tokens import LEEWAY


def read_members() -> list[Jwk]:
    """Return the keys of the key set as they are written where it is kept, retired ones included."""
    return parse_members(key_reloader().source.read())


def change_key_set(action: str, change: Callable[[list[Jwk]], Jwk]) -> Jwk:
    """Change the key set's file, and say which key is what now."""
    source = key_reloader().source
    if source.path is None:
        raise click.ClickException(
            f"The key set is not in a file{f', but in {source.place}' if source.place else ''}. "
            "`flask keys export` prints it: change it as a file, and put it back."
        )
    try:
        jwk = rotation.rewrite_file(source.path, change)
    except InvalidKeyError as error:
        raise click.ClickException(f"{source.path} {error}.") from None
    except OSError as error:
        raise click.ClickException(f"{source.path} cannot be changed: {error.strerror}.") from None
    details = {"kid": rotation.kid_of(jwk), "alg": rotation.alg_of(jwk), "state": jwk["state"]}
    click.echo("{kid} ({alg}) is {state}.".format_map(details))
    record(Event.KEYS_CHANGED, action=action, **details)
    db.session.commit()
    return jwk


def refuse_early(kid: str, seconds_left: Callable[[Jwk], float], *, now: bool) -> None:
    """Refuse to change the state of a key before that disturbs nobody, unless it shall be so."""
    try:
        left = seconds_left(rotation.find_key(read_members(), kid))
    except InvalidKeyError as error:
        raise click.ClickException(f"The key set {error}.") from None
    if left > 0 and not now:
        raise click.ClickException(f"Tokens would be refused. Wait {left:.0f} s, or say --now.")


def seconds_until_known(jwk: Jwk) -> float:
    """Return for how long some may not know a staged key yet: other instances, and who caches the published keys."""
    wait = settings().jwt_keys_reload_seconds + (0 if jwk["kty"] == "oct" else MAX_AGE)
    return max(0.0, float(jwk.get("since", 0)) + wait - time())


def seconds_until_expired(jwk: Jwk) -> float:
    """Return for how long a key that has ceased to sign may still have tokens about."""
    if jwk.get("state") != "verifying":
        return 0
    wait = settings().access_token_seconds + LEEWAY + settings().jwt_keys_reload_seconds
    return max(0.0, float(jwk.get("since", 0)) + wait - time())
