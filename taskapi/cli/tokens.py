"""flask tokens: inspect an access token, and revoke all tokens."""

import json
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import click
from sqlalchemy import text

from taskapi.api.errors import Problem
from taskapi.audit import Event, record
from taskapi.cli.command import Group, json_option, read_stdin
from taskapi.database import db
from taskapi.security.jws import Members, parse_token
from taskapi.security.keys import current_key_set
from taskapi.security.tokens import CLAIMS, HEADER, MARK, is_revoked, verify_token

tokens = Group("tokens", help="Inspect an access token, or revoke all tokens.")

TIMES: Final = ("iat", "nbf", "exp")
LATEST: Final = 253_402_300_799  # the last second of the year 9999
UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
OPAQUE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
NOT_A_JWT: Final = (
    "this is a refresh token, or another random value of 32 bytes. It has no parts to inspect: only the database knows "
    "its session. An access token has three parts, separated by dots"
)
UNVERIFIED: Final = ("token_malformed", "token_invalid")


class Verdict(NamedTuple):
    """The error code that the API would respond with, None if it accepts the token, and the reason."""

    code: str | None
    why: str


def revoke_everything() -> list[tuple[str, dict[str, int]]]:
    """Return statements and their parameters that revoke every token and end every session.

    A user's epoch becomes the current time in milliseconds: higher than that of any issued token, including tokens
    issued after the backup that was restored.
    """
    raised = "CASE WHEN epoch + :mark < :instant THEN :instant ELSE epoch + :mark END"
    values = {"instant": time.time_ns() // 1_000_000, "mark": MARK}
    return [(f"UPDATE users SET epoch = {raised}", values), ("DELETE FROM sessions", {})]  # noqa: S608 - a constant


@tokens.command("invalidate-all")
def invalidate_all() -> None:
    """Revoke all tokens and end all sessions: after a restore, or after a theft of unknown extent."""
    for statement, parameters in revoke_everything():
        db.session.execute(text(statement), parameters)
    record(Event.TOKENS_INVALIDATED)
    db.session.commit()
    click.echo(
        "All tokens that were issued until now are revoked, and all sessions have ended. All users must sign in again."
    )


@tokens.command("inspect")
@click.argument("token", required=False)
@json_option
def inspect(token: str | None, as_json: bool) -> None:
    """Show the parts of TOKEN, and whether the API accepts it. Exit with 1 if not.

    TOKEN can also be the response to a sign-in or a refresh, whose access token is then inspected.

    Without TOKEN, the command reads it from standard input, or prompts for it. That is safer, because the shell's
    history keeps command lines. Anybody who has a token can read its parts. The command shows no key.
    """
    text = (token or _read()).strip().removeprefix("Bearer ").strip()
    response = _sign_in_response(text)
    if response is not None:
        text = _access_token(response)
        click.echo("This is the response to a sign-in or a refresh; its access_token is inspected.", err=True)
    header, claims = _parts(text)
    verdict = Verdict("token_malformed", NOT_A_JWT) if OPAQUE.fullmatch(text) else _verify(text)
    if as_json:
        click.echo(json.dumps({"header": header, "claims": claims, "code": verdict.code, "why": verdict.why}))
    else:
        click.echo("\n".join(_lines(header, claims, verdict)))
    if verdict.code:
        raise click.exceptions.Exit(1)


def _read() -> str:
    if not sys.stdin.isatty():
        return read_stdin()
    token: str = click.prompt("Token", hide_input=True, err=True)
    return token


def _sign_in_response(text: str) -> dict[str, Any] | None:
    """Return the response to a sign-in or a refresh if the text is one."""
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return body if isinstance(body, dict) and "token_type" in body else None


def _access_token(response: dict[str, Any]) -> str:
    token = response.get("access_token")
    if not isinstance(token, str):
        raise click.ClickException("This is the response to a sign-in with cookies. The tokens are in the cookies.")
    return token


def _parts(token: str) -> tuple[Members | None, Members | None]:
    try:
        return parse_token(token)
    except ValueError:
        return None, None


def _verify(token: str) -> Verdict:
    """Verify a token as the API does. The reason is the exception that caused the refusal."""
    try:
        caller = verify_token(token)
    except Problem as refusal:
        return Verdict(refusal.code_name, str(refusal.__context__ or refusal.description))
    if is_revoked(caller):
        return Verdict("token_revoked", "the token, its session or its user is revoked")
    return Verdict(None, "the API accepts it")


def _lines(header: Members | None, claims: Members | None, verdict: Verdict) -> Iterator[str]:
    if header is not None and claims is not None:
        yield "header"
        yield from (_line(name, value, HEADER.get(name, "refused: unknown member")) for name, value in header.items())
        yield "claims" + (", not verified" if verdict.code in UNVERIFIED else "")
        yield from (_line(name, value, _meaning(name, value)) for name, value in claims.items())
        yield f"signature\n  {_signature(header, verdict)}"
    yield f"verdict\n  {verdict.code or 'valid'}: {verdict.why}"


def _line(name: str, value: Any, meaning: str) -> str:
    shown = value if isinstance(value, str) and value.isprintable() else json.dumps(value)
    return f"  {name:9}  {shown:43}  {meaning}".rstrip()


def _meaning(name: str, value: Any) -> str:
    meaning = CLAIMS[name].meaning if name in CLAIMS else ""
    is_time = name in TIMES and isinstance(value, int) and 0 <= value <= LATEST
    return f"{meaning}: {_moment(value)}" if is_time else meaning


def _moment(instant: int) -> str:
    """Return an instant as text, with the time until or since then."""
    left = instant - int(time.time())
    span = next((f"{abs(left) // size} {unit}s" for unit, size in UNITS if abs(left) >= 2 * size), "a second")
    distance = "now" if left == 0 else f"in {span}" if left > 0 else f"{span} ago"
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%d %H:%M:%SZ}, {distance}"


def _signature(header: Members, verdict: Verdict) -> str:
    if verdict.code in UNVERIFIED:
        return f"not verified: {verdict.why}"
    key = current_key_set().keys[header["kid"]]
    return f"verified by the key {key.kid} ({key.alg}, {key.state})"
