"""The command line, `flask …`: a module for each command or group of commands."""

from typing import cast

import click
from flask import Flask

from taskapi.cli.doctor import doctor
from taskapi.cli.keys import keys
from taskapi.cli.maintenance import backup, downgrade, grant, prune, restore
from taskapi.cli.serve import serve
from taskapi.cli.tokens import tokens

COMMANDS = (backup, doctor, keys, prune, restore, serve, tokens)


def init_cli(app: Flask) -> None:
    """Add our commands to `flask`."""
    for command in COMMANDS:
        app.cli.add_command(command)
    database_group(app).add_command(downgrade)  # in place of Flask-Migrate's: there is a revision for each branch
    database_group(app).add_command(grant)


def database_group(app: Flask) -> click.Group:
    """Return the group of commands `flask db …`, which Flask-Migrate adds."""
    return cast("click.Group", app.cli.commands["db"])
