"""The base of our commands: the application context, and errors on one line."""

import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any, Final

import click
from flask.cli import AppGroup
from marshmallow import ValidationError
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from taskapi.api.errors import Problem
from taskapi.config.sources import decode_text

NO_PRIVILEGE: Final = "42501"  # of PostgreSQL: insufficient_privilege
json_option: Callable[..., Any] = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


class Command(click.Command):
    """A command that prints an error on one line, with the message of the API."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ValidationError as error:
            raise click.ClickException(_line(error.messages_dict)) from None
        except Problem as error:
            errors = error.members.get("errors", {}).get("json", {})
            raise click.ClickException(_line(errors) or str(error.description)) from None
        except (OperationalError, ProgrammingError) as error:
            raise click.ClickException(database_error_message(error)) from None


class Group(AppGroup):
    """A group of commands that run in the application context."""

    command_class = Command


def read_stdin_line() -> str:
    """Return the first line of standard input without its end and without a byte order mark."""
    data = sys.stdin.buffer.readline()
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):  # the end of a UTF-16 line is known only after decoding
        data += sys.stdin.buffer.read()
    return StringIO(_decode(data), newline=None).readline().rstrip("\n")


def read_stdin() -> str:
    """Return all of standard input, which is text, without a byte order mark."""
    return _decode(sys.stdin.buffer.read())


def _decode(data: bytes) -> str:
    try:
        return decode_text(data)
    except ValueError:
        raise click.ClickException("Standard input is neither UTF-8 nor UTF-16 text.") from None


def database_error_message(error: DBAPIError) -> str:
    """Return one line that reports the error of the database."""
    reason = " ".join(str(error.orig).split())
    if getattr(error.orig, "sqlstate", None) == NO_PRIVILEGE:
        return f"The role of the database lacks a privilege: {reason}. Run this command as the owner of the database."
    return f"The database cannot be used: {reason}. Run `flask doctor` for details."


def _line(errors: Mapping[str, Any]) -> str:
    return " ".join(f"{name}: {' '.join(messages)}" for name, messages in errors.items())
