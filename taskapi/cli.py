"""The command line: flask users, seed, doctor."""

from flask import Flask


def init_cli(app: Flask) -> None:
    """Add our commands to `flask`."""
