"""flask keys: the keys that sign and verify tokens."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any

import click

from taskapi.cli.command import Group
from taskapi.cli.key_rotation import (
    change_key_set,
    read_members,
    refuse_early,
    seconds_until_expired,
    seconds_until_known,
)
from taskapi.security.keys import ALGORITHMS, InvalidKeyError, current_key_set, key_set, rotation
from taskapi.security.keys.key import State, Use, is_private, load_jwk

keys = Group("keys", help="The keys that sign and verify tokens.")
kid_argument = click.argument("kid")
alg_option = partial(click.option, "--alg", type=click.Choice(list(ALGORITHMS)), help="The algorithm of the key.")
now_option = click.option("--now", is_flag=True, help="At once, whomever it disturbs.")
ANY_KID = {"ignore_unknown_options": True}  # one may begin with a hyphen


@keys.command("list")
def list_keys() -> None:
    """List the keys of the key set, and since when they are in their state."""
    for jwk in read_members():
        since = datetime.fromtimestamp(jwk["since"], UTC).isoformat() if "since" in jwk else ""
        words = (rotation.kid_of(jwk), rotation.alg_of(jwk), jwk.get("use", Use.SIG), jwk["state"], since)
        click.echo("  ".join(f"{word:7}" for word in words).rstrip())


@keys.command("generate")
@alg_option(required=True)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
def generate_key_set(alg: str, path: Path) -> None:
    """Write a new key set to FILE, which must not be there yet."""
    try:
        rotation.write_new_file(path, rotation.new_members(alg))
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None
    click.echo(f"Wrote a key set to {path}. TASKAPI_JWT_KEYS={path} has it used.")


@keys.command("stage")
@alg_option(required=True)
def stage(alg: str) -> None:
    """Put a new key into the key set: it is published, and does not sign yet."""
    change_key_set("stage", partial(rotation.stage_key, alg=alg))


@keys.command("stage-seal")
def stage_seal() -> None:
    """Put a new sealing key into the key set, for cursors and the successors of refresh tokens."""
    change_key_set("stage", partial(rotation.stage_key, alg=rotation.SEAL_ALG, use=Use.SEAL))


@keys.command("promote", context_settings=ANY_KID)
@kid_argument
@now_option
def promote(kid: str, now: bool) -> None:
    """Let the staged key KID sign, once everybody knows it."""
    refuse_early(kid, seconds_until_known, now=now)
    change_key_set("promote", partial(rotation.promote_key, kid=kid))


@keys.command("retire", context_settings=ANY_KID)
@kid_argument
@now_option
def retire(kid: str, now: bool) -> None:
    """Take the key KID out of use, once what it signed has expired; its secret part is erased."""
    refuse_early(kid, seconds_until_expired, now=now)
    change_key_set("retire", partial(rotation.retire_key, kid=kid))


@keys.command("revoke", context_settings=ANY_KID)
@kid_argument
@click.option("--now", is_flag=True, required=True, help="Say that all tokens of the key shall die.")
def revoke(kid: str, now: bool) -> None:
    """Take the key KID out of use at once, with all its tokens; another signs in its place."""
    change_key_set("revoke", partial(rotation.revoke_key, kid=kid))


@keys.command("import")
@alg_option()
@click.argument("file", type=click.File("rb"))
def import_key(alg: str | None, file: Any) -> None:
    """Put the PEM or JWK key of FILE into the key set: a private one is staged, a public one verifies."""
    try:
        jwk = load_jwk(file.read())
        state = State.STAGED if is_private(jwk) else State.VERIFYING
        new = rotation.new_member(jwk, state, alg=alg)
    except InvalidKeyError as error:
        raise click.ClickException(f"The key {error}.") from None
    change_key_set("import", partial(rotation.add_key, jwk=new))


@keys.command("export")
@click.option("--public", "what", flag_value="public", help="Public keys alone, as /.well-known/jwks.json shows them.")
@click.option("--verify-only", "what", flag_value="verify-only", help="A key set for an instance that only verifies.")
def export(what: str | None) -> None:
    """Print the key set, secrets included, or what others may have of it."""
    if what == "public":
        members = current_key_set().published["keys"]
    else:
        members = read_members() if what is None else rotation.verify_only_members(read_members())
    click.echo(key_set.format_members(members), nl=False)


@keys.command("rotate")
@alg_option()
def rotate(alg: str | None) -> None:
    """Bring a new key into use and take the old one out, waiting as long as that takes.

    Where it is broken off, go on with promote and retire.
    """
    old = current_key_set().signing
    if old is None:
        raise click.ClickException("This key set only verifies: there is no key to take out.")
    new = change_key_set("stage", partial(rotation.stage_key, alg=alg or old.alg))
    _wait(seconds_until_known(new), "until everybody knows it")
    change_key_set("promote", partial(rotation.promote_key, kid=new["kid"]))
    _wait(
        seconds_until_expired(rotation.find_key(read_members(), old.kid)), "until what the old key signed has expired"
    )
    change_key_set("retire", partial(rotation.retire_key, kid=old.kid))


def _wait(seconds: float, why: str) -> None:
    click.echo(f"Waiting {seconds:.0f} s {why}.")
    sleep(seconds)
