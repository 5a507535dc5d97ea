"""`flask dev`: a server with demo users, sample data, CORS for local front ends, delays and failures."""

import re
import shutil
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask.cli import with_appcontext
from werkzeug.serving import run_simple

from taskapi.cli.command import Command
from taskapi.config import settings
from taskapi.extensions.dev.page import init_page
from taskapi.extensions.dev.service import PASSWORD, ROLES, create_demo_users
from taskapi.extensions.dev.switches import HEADERS, Switches, init_switches, read_delay, read_failure

PORTS = (3000, 4173, 4200, 5173, 5174, 8080)  # of the usual development servers
ORIGINS = tuple(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in PORTS)
LOW_LIMITS = {"RATELIMIT_USER": "20/minute", "RATELIMIT_LOGIN": "3/minute", "RATELIMIT_REFRESH": "5/minute"}


class _Checked(click.ParamType[Any]):
    """An option that a function reads. The function raises ValueError."""

    def __init__(self, name: str, read: Any) -> None:
        self.name = name
        self.read = read

    def convert(self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None) -> Any:
        """Return the value that the function reads."""
        try:
            return self.read(value)
        except ValueError as error:
            self.fail(str(error))


def _read_seconds(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,4}s?", text, re.ASCII):
        raise ValueError("Must be a number of seconds, such as 20s.")
    return int(text.removesuffix("s"))


@click.command("dev", cls=Command)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port of 127.0.0.1.")
@click.option("--delay", type=_Checked("ms", read_delay), default="0", help="Wait this long before each response.")
@click.option("--fail", type=_Checked("status", read_failure), default="", help="Fail requests: 503, 503:10%, a code.")
@click.option("--expire", type=_Checked("seconds", _read_seconds), help="Lifetime of access tokens, such as 20s.")
@click.option("--limit", is_flag=True, help="Apply rate limits that are low enough to meet.")
@click.option("--reset", is_flag=True, help="Delete the demo users and their data first.")
@with_appcontext
def dev(port: int, expire: int | None, limit: bool, reset: bool, **switches: Any) -> None:
    """Serve the API to a front end in development.

    The users demo, viewer and admin have sample data. Their database is separate, in the folder `dev` of the instance
    folder. The page /dev/ shows requests as they arrive, and sets delays and failures.
    """
    if settings().production:
        raise click.ClickException("`flask dev` has known passwords. It does not start with TASKAPI_ENV=production.")
    folder = Path(settings().instance_path, "dev")
    if reset:
        shutil.rmtree(folder, ignore_errors=True)
    create_demo_users(_build(folder, RATELIMIT_ENABLED=False, LOG_LEVEL="warning"))
    lifetime = {"ACCESS_TOKEN_SECONDS": expire} if expire else {}
    limits = LOW_LIMITS if limit else {}
    app = build_dev_app(folder, Switches(**switches), RATELIMIT_ENABLED=limit, **lifetime, **limits)
    click.echo(f"http://127.0.0.1:{port}/dev/ shows requests and sets delays and failures.")
    click.echo(f"Users: {', '.join(ROLES)}. Password: {PASSWORD}")
    click.echo(f"CORS allows localhost and 127.0.0.1 on the ports {', '.join(map(str, PORTS))}.")
    run_simple("127.0.0.1", port, app, threaded=True)


def build_dev_app(folder: Path, switches: Switches, **overrides: Any) -> Flask:
    """Return the application that `flask dev` serves, with its data in a folder."""
    app = _build(folder, CORS_ORIGINS=ORIGINS, CORS_HEADERS=HEADERS, **overrides)
    init_page(app, switches, init_switches(app, switches))
    return app


def _build(folder: Path, **overrides: Any) -> Flask:
    from taskapi import create_app  # noqa: PLC0415 - it imports the extensions

    own = {"ENV": "development", "DATABASE_URL": "", "REDIS_URL": "", "INSTANCE_PATH": str(folder), "BCRYPT_ROUNDS": 4}
    return create_app({**own, **overrides})
