"""flask keys: list, create, rotate and revoke the keys that sign and verify tokens.

A change that would make valid tokens invalid is refused, unless --now is given. The audit log records each change.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import sleep, time
from typing import Any

import click

from taskapi.audit import Event, record
from taskapi.cli.command import Group
from taskapi.config import settings
from taskapi.database import db
from taskapi.security.keys import ALGORITHMS, InvalidKeyError, current_key_set, key_reloader, key_set, rotation
from taskapi.security.keys.jwks import MAX_AGE
from taskapi.security.keys.key import Jwk, State, Use, is_private, load_jwk
from taskapi.security.keys.key_set import parse_members
from taskapi.security.tokens import LEEWAY

keys = Group("keys", help="The keys that sign and verify tokens.")
kid_argument = click.argument("kid")
alg_option = partial(click.option, "--alg", type=click.Choice(list(ALGORITHMS)), help="The algorithm of the key.")
now_option = click.option("--now", is_flag=True, help="Do not wait. Tokens that are valid now may be refused.")
ANY_KID = {"ignore_unknown_options": True}  # a kid may start with a hyphen


@keys.command("list")
def list_keys() -> None:
    """List the keys of the key set: kid, algorithm, use, state, and since when they are in that state."""
    for jwk in read_members():
        since = datetime.fromtimestamp(jwk["since"], UTC).isoformat() if "since" in jwk else ""
        words = (rotation.kid_of(jwk), rotation.alg_of(jwk), jwk.get("use", Use.SIG), jwk["state"], since)
        click.echo("  ".join(f"{word:7}" for word in words).rstrip())


@keys.command("generate")
@alg_option(required=True)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
def generate_key_set(alg: str, path: Path) -> None:
    """Write a new key set to FILE, which must not exist."""
    try:
        rotation.write_new_file(path, rotation.new_members(alg))
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None
    click.echo(f"Wrote a key set to {path}. To use it, set TASKAPI_JWT_KEYS={path}.")


@keys.command("stage")
@alg_option(required=True)
def stage(alg: str) -> None:
    """Add a new key to the key set. It is published, but does not sign yet."""
    change_key_set("stage", partial(rotation.stage_key, alg=alg))


@keys.command("stage-seal")
def stage_seal() -> None:
    """Add a new key that encrypts cursors and the successors of refresh tokens."""
    change_key_set("stage", partial(rotation.stage_key, alg=rotation.SEAL_ALG, use=Use.SEAL))


@keys.command("promote", context_settings=ANY_KID)
@kid_argument
@now_option
def promote(kid: str, now: bool) -> None:
    """Sign with the staged key KID, once all instances and clients have it."""
    refuse_early(kid, seconds_until_known, now=now)
    change_key_set("promote", partial(rotation.promote_key, kid=kid))


@keys.command("retire", context_settings=ANY_KID)
@kid_argument
@now_option
def retire(kid: str, now: bool) -> None:
    """Retire the key KID, once the tokens that it signed have expired. Its private part is erased."""
    refuse_early(kid, seconds_until_expired, now=now)
    change_key_set("retire", partial(rotation.retire_key, kid=kid))


@keys.command("revoke", context_settings=ANY_KID)
@kid_argument
@click.option("--now", is_flag=True, required=True, help="Confirm that every token signed by this key becomes invalid.")
def revoke(kid: str, now: bool) -> None:
    """Retire the key KID now, which makes all its tokens invalid. Another key signs from then on."""
    change_key_set("revoke", partial(rotation.revoke_key, kid=kid))


@keys.command("import")
@alg_option()
@click.argument("file", type=click.File("rb"))
def import_key(alg: str | None, file: Any) -> None:
    """Add the PEM or JWK key of FILE to the key set. A private key is staged, a public key verifies."""
    try:
        jwk = load_jwk(file.read())
        state = State.STAGED if is_private(jwk) else State.VERIFYING
        new = rotation.new_member(jwk, state, alg=alg)
    except InvalidKeyError as error:
        raise click.ClickException(f"The key {error}.") from None
    change_key_set("import", partial(rotation.add_key, jwk=new))


@keys.command("export")
@click.option("--public", "what", flag_value="public", help="Only the public keys, as in /.well-known/jwks.json.")
@click.option("--verify-only", "what", flag_value="verify-only", help="A key set for an instance that only verifies.")
def export(what: str | None) -> None:
    """Print the key set, including secrets. With an option, print only what others may have."""
    if what == "public":
        members = current_key_set().published["keys"]
    else:
        members = read_members() if what is None else rotation.verify_only_members(read_members())
    click.echo(key_set.format_members(members), nl=False)


@keys.command("rotate")
@alg_option()
def rotate(alg: str | None) -> None:
    """Replace the signing key: stage a new key, promote it, and retire the old one. Waits between these steps.

    If the command is interrupted, it prints the commands of the remaining steps.
    """
    old = current_key_set().signing
    if old is None:
        raise click.ClickException("This key set only verifies tokens: it has no signing key to replace.")
    new = change_key_set("stage", partial(rotation.stage_key, alg=alg or old.alg))
    remaining = [f"promote {new['kid']}", f"retire {old.kid}"]
    try:
        _wait(seconds_until_known(new), "until all instances and clients have the new key")
        change_key_set("promote", partial(rotation.promote_key, kid=new["kid"]))
        remaining.pop(0)
        _wait(
            seconds_until_expired(rotation.find_key(read_members(), old.kid)),
            "until the tokens of the old key have expired",
        )
        change_key_set("retire", partial(rotation.retire_key, kid=old.kid))
    except KeyboardInterrupt:
        click.echo("\nThe rotation is not complete. Run the remaining commands, each one after its wait:", err=True)
        for step in remaining:
            click.echo(f"  flask keys {step}", err=True)
        raise


def read_members() -> list[Jwk]:
    """Return the keys of the key set as they are stored, including retired keys."""
    return parse_members(key_reloader().source.read())


def change_key_set(action: str, change: Callable[[list[Jwk]], Jwk]) -> Jwk:
    """Change the file of the key set, record the change, and print the new state of the key."""
    source = key_reloader().source
    if source.path is None:
        raise click.ClickException(
            f"The key set is not in a file{f', but in {source.place}' if source.place else ''}. "
            "Print it with `flask keys export`, change it as a file, and store it again."
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
    """Refuse a change that would make valid tokens invalid, unless `now` is set."""
    try:
        left = seconds_left(rotation.find_key(read_members(), kid))
    except InvalidKeyError as error:
        raise click.ClickException(f"The key set {error}.") from None
    if left > 0 and not now:
        raise click.ClickException(f"Tokens would be refused. Wait {left:.0f} s, or use --now.")


def seconds_until_known(jwk: Jwk) -> float:
    """Return how long other instances, and clients that cache the JWKS, may not have a staged key yet."""
    wait = settings().jwt_keys_reload_seconds + (0 if jwk["kty"] == "oct" else MAX_AGE)
    return max(0.0, float(jwk.get("since", 0)) + wait - time())


def seconds_until_expired(jwk: Jwk) -> float:
    """Return how long tokens of a key that no longer signs may still be valid."""
    if jwk.get("state") != "verifying":
        return 0
    wait = settings().access_token_seconds + LEEWAY + settings().jwt_keys_reload_seconds
    return max(0.0, float(jwk.get("since", 0)) + wait - time())


def _wait(seconds: float, why: str) -> None:
    click.echo(f"Waiting {seconds:.0f} s {why}.")
    sleep(seconds)
