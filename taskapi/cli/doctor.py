"""flask doctor: whether all is well, in a line for each matter. Tells no secret."""

from collections.abc import Iterator
from difflib import get_close_matches

import click
from flask.cli import with_appcontext

from taskapi.cli.command import Command
from taskapi.config import PREFIX, SETTINGS, settings
from taskapi.config.sources import unknown_names
from taskapi.database import db, reader, row_security
from taskapi.migrations import applied, check_database, newest
from taskapi.ops.health import findings
from taskapi.security.keys import ring


@click.command("doctor", cls=Command)
@with_appcontext
def doctor() -> None:
    """Look at settings, database, migrations and keys; exit 1 on trouble."""
    lines = [*_settings(), *_services(), *_row_security()]
    for well, matter, says in lines:
        click.echo(f"{'ok' if well else 'FAIL':5} {matter:12} {says}".rstrip())
    if not all(well for well, *_ in lines):
        raise click.exceptions.Exit(1)


def _settings() -> Iterator[tuple[bool, str, str]]:
    changed = [name for name, f in SETTINGS.items() if getattr(settings(), name.lower()) != f.default]
    shown = ", ".join(name for name in changed if name not in {"ENV", "INSTANCE_PATH"})
    yield True, "settings", f"{settings().env}; changed: {shown or 'none'}; instance folder {settings().instance_path}"
    for name in unknown_names():
        yield False, "settings", f"{name} is no setting{_meant(name)}"


def _meant(name: str) -> str:
    close = get_close_matches(name, [PREFIX + setting for setting in SETTINGS], n=1)
    return f"; is {close[0]} meant?" if close else ""


def _services() -> Iterator[tuple[bool, str, str]]:
    for name, down in findings().items():
        says = down or _DETAILS.get(name, lambda: "")()
        yield down is None, name, says


def _row_security() -> Iterator[tuple[bool, str, str]]:
    """In production a PostgreSQL whose role sees everybody's rows is a fault."""
    if check_database() is None:
        in_force, says = row_security(reader())
        yield in_force or not settings().production or reader().dialect.name == "sqlite", "row_security", says


def _database() -> str:
    url = db.engine.url
    return f"{url.get_backend_name()}, {url.database}" + (f" on {url.host}" if url.host else "")


def _migrations() -> str:
    at = applied()
    return f"at {at}" if at == newest() else f"at {at}, which is of a later version; this one knows {newest()}"


def _signing_key() -> str:
    key = ring().signing
    return f"{key.alg}, kid {key.kid}" if key else "none: this instance verifies tokens, and issues none"


def _redis() -> str:
    return "it answers" if settings().redis_url else "none; the database and each process's memory serve instead"


_DETAILS = {"database": _database, "migrations": _migrations, "signing_key": _signing_key, "redis": _redis}
