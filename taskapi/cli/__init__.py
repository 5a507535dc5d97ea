"""The command line, `flask …`: a module for each command or group of commands."""

from importlib import import_module

from flask import Flask

from taskapi.cli.backup import backup, restore
from taskapi.cli.doctor import doctor
from taskapi.cli.grant import grant
from taskapi.cli.keys import keys
from taskapi.cli.prune import prune
from taskapi.cli.seed import seed
from taskapi.cli.serve import serve
from taskapi.cli.shard import shard
from taskapi.cli.tokens import tokens
from taskapi.cli.users import users

COMMANDS = (backup, doctor, keys, prune, restore, seed, serve, tokens, users)


def init_cli(app: Flask) -> None:
    """Add our commands to `flask`."""
    for command in COMMANDS:
        app.cli.add_command(command)
    database_commands = import_module("flask_migrate.cli").db
    for command in (grant, shard):
        database_commands.add_command(command)  # `flask db grant`, `flask db shard`
